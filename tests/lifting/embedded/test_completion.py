"""Colors completed over a surface whose other half is known: a ball with the same features on both sides."""

from __future__ import annotations

import numpy as np
import pytest

from gagavatar_nodes.lifting.embedded.completion import Sight, Surface

COUNT = 6000
DARK, BRIGHT = np.array([0.1, 0.08, 0.06]), np.array([0.6, 0.45, 0.4])


@pytest.fixture(scope="module")
def ball() -> np.ndarray:
    """Points [N, 3] evenly on a ball of radius one."""
    turn = np.pi * (1 + 5**0.5) * np.arange(COUNT)
    height = 1 - 2 * (np.arange(COUNT) + 0.5) / COUNT
    side = np.sqrt(1 - height**2)
    return np.column_stack([side * np.cos(turn), height, side * np.sin(turn)])


def spots(points: np.ndarray) -> np.ndarray:
    """[N] 0..1 two round features, one on each side of x = 0."""
    away = np.hypot(np.abs(points[:, 0]) - 0.45, points[:, 1])
    return np.where(points[:, 2] > 0, np.exp(-((away / 0.12) ** 2)), 0)


def skin(points: np.ndarray) -> np.ndarray:
    return BRIGHT * (1 - 0.6 * spots(points))[:, None]


def sights(points: np.ndarray, noise: float = 0.0) -> tuple[Sight, Sight]:
    """What is seen of the ball from its right, in half the light on its left, and of the mirrored ball."""
    light = np.clip(1 + 0.5 * points[:, :1], 0.5, 1.5)
    colors = skin(points) * light
    trust = np.clip((points[:, 0] + 0.1) / 0.1, 0, 1) * (points[:, 2] > -0.5)
    mirrored = points * [-1, 1, 1]
    other = skin(mirrored) * np.clip(1 + 0.5 * mirrored[:, :1], 0.5, 1.5)
    none = np.zeros(len(points))
    twin = np.clip((mirrored[:, 0] + 0.1) / 0.1, 0, 1) * (points[:, 2] > -0.5)
    return Sight(trust, np.where(trust[:, None] > 0, colors, noise), none), Sight(twin, other, none)


def completed(points: np.ndarray, noise: float = 0.0) -> np.ndarray:
    seen, twin = sights(points, noise)
    surface = Surface.of(points, points)
    none = np.zeros(len(points))
    return surface.colors(seen, twin, none, np.tile(BRIGHT, (len(points), 1)), none)


def test_what_was_seen_stays(ball):
    seen, _ = sights(ball)
    sure = (seen.trust == 1) & (ball[:, 0] > 0.15) & (ball[:, 2] > -0.3)
    assert np.abs(completed(ball) - seen.colors)[sure].max() < 0.04


def test_the_hidden_side_has_the_mirrored_features(ball):
    colors = completed(ball)
    spot = (spots(ball) > 0.8) & (ball[:, 0] < 0)
    plain = (spots(ball) < 0.02) & (ball[:, 0] < -0.2) & (ball[:, 0] > -0.7) & (ball[:, 2] > 0.3)
    assert 0.4 < colors[spot].mean() / colors[plain].mean() < 0.7  # 0.4 where it was seen


def test_light_is_carried_over_without_a_seam(ball):
    colors = completed(ball)
    front = (ball[:, 2] > 0.5) & (np.abs(ball[:, 1]) > 0.35)
    seen, hidden = (front & (np.abs(ball[:, 0] - x) < 0.08) for x in (0.12, -0.12))
    assert np.abs(colors[seen].mean(0) - colors[hidden].mean(0)).max() < 0.08
    far = front & (ball[:, 0] < -0.5)
    assert np.abs(np.log(colors[far].mean(0) / colors[hidden].mean(0))).max() < 0.35


def test_light_is_not_mirrored_at_the_mid_line(ball):
    """It falls off toward the middle: the hidden side must not rise again beyond it as the mirrored one does."""
    colors = completed(ball)
    plain = (ball[:, 2] > 0.3) & (spots(ball) < 0.01)
    rise = {}
    for side in (-1, 1):
        near, far = (plain & (np.abs(side * ball[:, 0] - x) < 0.05) for x in (0.05, 0.45))
        rise[side] = colors[far].mean() - colors[near].mean()
    assert rise[1] > 0.08
    assert rise[-1] < 0.55 * rise[1]  # 0.35 today


def test_what_is_not_trusted_has_no_part(ball):
    assert np.abs(completed(ball, 0.0) - completed(ball, 1.0)).max() < 1e-6


def test_a_contour_of_the_other_side_draws_no_line_where_it_is_seen_no_better(ball):
    """Seen from the front both sides end alike, and each in its outline: the other one's is not copied to this."""
    trust = np.clip((ball[:, 2] - 0.4) / 0.3, 0, 1)
    none = np.zeros(COUNT)
    plain = np.tile(BRIGHT, (COUNT, 1))
    outlined = np.where((trust > 0) & (trust < 0.5), 0.2, 1)[:, None] * BRIGHT
    surface = Surface.of(ball, ball)
    seen, twin = Sight(trust, plain, none), Sight(trust, outlined, none)
    assert np.abs(surface.colors(seen, twin, none, plain, none) - BRIGHT).max() < 0.01


def test_hair_does_not_bleed_into_skin(ball):
    """Half of the surface is hair by what is seen, and both go on beyond it to a sharp line."""
    hair = ball[:, 1] > 0
    colors = np.where(hair[:, None], DARK, BRIGHT)
    trust = (ball[:, 0] > 0).astype(float)
    seen = Sight(trust, colors, hair.astype(float))
    nothing = Sight(np.zeros(COUNT), colors, np.zeros(COUNT))
    surface = Surface.of(ball, ball)
    where = surface.hair(seen, nothing, hair.astype(float))
    result = surface.colors(seen, nothing, where, colors, np.zeros(COUNT))
    beyond = ball[:, 0] < -0.3
    assert np.abs(result - colors)[beyond & (np.abs(ball[:, 1]) > 0.25)].mean() < 0.12
