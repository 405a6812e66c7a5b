"""Lids: unseen in an open eye, and over all of a shut one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.driving.operations import add_arkit, neutral_motion
from gagavatar_nodes.driving.pose import turn_head
from gagavatar_nodes.face.topology import LEFT_EYE_RING, LID_CREASES, LOWER_LIDS, RIGHT_EYE_RING, UPPER_LIDS
from gagavatar_nodes.lifting.embedded.binding import Handle
from gagavatar_nodes.lifting.embedded.head_fit import fit_head
from gagavatar_nodes.lifting.embedded.lids import lid_layer
from gagavatar_nodes.lifting.embedded.lift import parse_portrait
from gagavatar_nodes.lifting.embedded.stage import Stage
from gagavatar_nodes.media.images import read_image
from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.types import ARKIT_NAMES

SIZE = 384
LIDS, IRISES = (Handle.LEFT_LID, Handle.RIGHT_LID), (Handle.LEFT_GAZE, Handle.RIGHT_GAZE)


@pytest.fixture(scope="module", params=["portrait_admiral.jpg", "portrait_pocahontas.jpg"])
def avatar(request, track, lift):
    return lift(track(read_image(assets.path(request.param)).rgb), 148)


def blinking(*shut: float):
    weights = np.zeros((len(shut), len(ARKIT_NAMES)))
    for side in ("eyeBlinkLeft", "eyeBlinkRight"):
        weights[:, ARKIT_NAMES.index(side)] = shut
    return add_arkit(neutral_motion(len(shut)), weights)


def bound(avatar, handles) -> np.ndarray:
    """[N] bool: the splats that handles move."""
    binding = avatar.layer.binding
    return (np.isin(binding.controls, handles) & (binding.weights > 0)).any(1)


def share(avatar, gaussians, handles) -> np.ndarray:
    """[SIZE, SIZE] 0..1 of each pixel that comes from the splats that handles move."""
    return coverage(avatar, gaussians, bound(avatar, handles))


def coverage(avatar, gaussians, marks: np.ndarray) -> np.ndarray:
    marked = replace(gaussians, features=np.repeat(marks[:, None].astype(np.float32), 3, 1))
    return rasterize(marked, avatar.camera(), SIZE, SIZE)[0][..., 0]


def test_no_lid_is_seen_in_the_portrait_as_it_was_taken(avatar):
    assert share(avatar, avatar.rest(), LIDS).max() < 0.1


def test_a_blink_draws_lids_over_the_irises(avatar):
    performance = avatar.perform(blinking(0, 0.4, 1))
    irises = [share(avatar, performance.gaussians(i), IRISES).sum() for i in range(3)]
    lids = [share(avatar, performance.gaussians(i), LIDS).sum() for i in range(3)]
    assert irises[2] < 0.1 * irises[0]
    assert irises[2] < 0.3 * irises[1]
    assert lids[0] < 0.05 * lids[2]
    assert lids[2] > irises[0]


def test_a_shut_eye_is_a_dark_line_under_skin_all_over_it(avatar):
    shut = avatar.perform(blinking(1))
    lids, light = share(avatar, shut.gaussians(0), LIDS), next(iter(shut.frames(SIZE, SIZE)))[0].mean(-1)
    turn, offset = avatar.stage.head_motion(shut.retargeter.placement(0))
    marks = (avatar.canonical + shut.retargeter.displacements(0)) @ turn.T + offset
    pixels = avatar.stage.project(marks)[:, :2] * SIZE / avatar.stage.size
    for upper, crease, lower in zip(UPPER_LIDS, LID_CREASES, LOWER_LIDS, strict=True):
        edge, fold, under = (pixels[list(row)[2:5]] for row in (upper, crease, lower))
        over = edge + np.linspace(0.15, 0.9, 9)[:, None, None] * (fold - edge)
        column, row = np.round(over).astype(int).T
        assert lids[row, column].min() > 0.85
        height = np.linspace(-2, 2, 9)[:, None, None] * [0, 1]
        column, row = np.round((edge + under) / 2 + height).astype(int).T
        line = light[row, column].min(1)
        column, row = np.round(edge + 0.5 * (fold - edge)).astype(int).T
        assert line.mean() < 0.85 * light[row, column].mean()


@pytest.mark.parametrize("yaw", [-25, 25])
def test_nothing_of_a_ball_comes_out_of_a_shut_eye_of_a_turned_head(avatar, yaw):
    rows = np.arange(len(avatar))
    balls = (rows > np.flatnonzero(bound(avatar, LIDS)).max()) & (rows < avatar.inside.start)
    turned = turn_head(blinking(0, 1), yaw, 0, 0)
    performance = avatar.perform(turned, pose="relative")
    seen = [coverage(avatar, performance.gaussians(i), balls).sum() for i in range(2)]
    assert seen[1] < 0.06 * seen[0]


@pytest.fixture(scope="module")
def portrait(track):
    return track(read_image(assets.path("portrait_admiral.jpg")).rgb)


def lid_colors(portrait, crop: np.ndarray) -> np.ndarray:
    """[N, 3] of both lids, folded, of the portrait with another crop [S, S, 3]."""
    stage = Stage.of(portrait)
    _, depth = parse_portrait(portrait, stage, fit_head(portrait.canonical))
    return lid_layer(replace(portrait, crop=crop.astype(np.uint8)), stage, depth).colors


def test_lids_have_the_grain_of_the_skin_around(portrait):
    crop, noise = np.full_like(portrait.crop, 150), np.random.default_rng(0).normal(0, 12, portrait.crop.shape[:2])
    even, grainy = (lid_colors(portrait, image) for image in (crop, crop + noise[..., None]))
    middle = (even > 0.45).all(1)  # no lashes
    assert even[middle].std() < 0.05
    assert (grainy - even)[middle].std() > 0.4 * 12 / 255


def test_lids_in_gray_shade_have_the_hue_of_skin(portrait):
    eyes = portrait.landmarks[list(LEFT_EYE_RING + RIGHT_EYE_RING), 1]
    crop = np.full_like(portrait.crop, (190, 140, 110))
    crop[int(eyes.min() - 40) : int(eyes.max())] = 120
    red, _, blue = lid_colors(portrait, crop).mean(0)
    assert 0.05 < red - blue < 80 / 255
