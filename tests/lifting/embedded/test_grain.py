"""Grain of completed skin: as much as the seen skin's, and none of its features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from gagavatar_nodes.lifting.embedded.completion import BLACK
from gagavatar_nodes.lifting.embedded.complexion import skin_colors
from gagavatar_nodes.lifting.embedded.grain import Grain
from gagavatar_nodes.lifting.embedded.hair import outer_triangles
from gagavatar_nodes.lifting.embedded.head_fit import fit_head
from gagavatar_nodes.lifting.embedded.lift import parse_portrait
from gagavatar_nodes.lifting.embedded.mesh import sample_surface, vertex_normals
from gagavatar_nodes.lifting.embedded.stage import Stage

SKIN, NOSE, NOSE_SIDE, FAR_CHEEK = np.array([190, 140, 120]), 4, 50, 425  # RGB, and landmarks


def painted(portrait, values: np.ndarray):
    """The portrait all of skin, in lights [S, S] around 1; nothing is seen beyond the middle of one cheek."""
    crop = np.clip(SKIN * values[..., None], 0, 255).astype(np.uint8)
    hidden = np.arange(portrait.size) > portrait.landmarks[FAR_CHEEK, 0]
    return replace(portrait, crop=crop, alpha=np.where(hidden, 0, np.ones_like(portrait.alpha)))


def noise(portrait, strength: float) -> np.ndarray:
    """[S, S] lights of grains of two pixels."""
    random = np.random.default_rng(1).standard_normal((portrait.size // 2,) * 2)
    return np.exp(strength * np.kron(random, np.ones((2, 2))))


def grain_of(portrait) -> Grain:
    stage = Stage.of(portrait)
    regions, _ = parse_portrait(portrait, stage, fit_head(portrait.canonical))
    return Grain.of(portrait, stage, regions)


@pytest.fixture(scope="module")
def completed(portrait):
    """What neighbors on the hidden cheek differ by, as logarithms of gray, by the strength of the seen one's grain."""

    def differences(strength: float) -> float:
        shown = painted(portrait, noise(portrait, strength))
        stage, head = Stage.of(shown), fit_head(shown.canonical)
        regions, depth = parse_portrait(shown, stage, head)
        triangles = outer_triangles(head)
        face, weights = sample_surface(head, triangles, 4000)
        points, normals = (
            (values[triangles[face]] * weights[..., None]).sum(1) for values in (head, vertex_normals(head, triangles))
        )
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        cheek = (points[:, 0] > 5) & (points[:, 2] > -4) & (np.abs(points[:, 1] + 2) < 3)
        assert cheek.sum() > 50
        gray = np.log(skin_colors(points, normals, shown, stage, depth, head, regions)[0] + BLACK).mean(1)[cheek]
        nearest = cKDTree(points[cheek]).query(points[cheek], k=2)[1][:, 1]
        return float(np.median(np.abs(gray - gray[nearest])))

    return {strength: differences(strength) for strength in (0.0, 0.1)}


def test_completed_skin_has_grain_where_the_seen_skin_has(completed):
    assert completed[0.0] < 0.005
    assert completed[0.1] > 0.02


def test_a_mole_is_no_grain(portrait):
    lights = noise(portrait, 0.02)
    plain = grain_of(painted(portrait, lights))
    column, row = portrait.landmarks[NOSE_SIDE, :2].astype(int)
    lights[row - 2 : row + 4, column - 2 : column + 4] = 0.4
    assert plain.strength.mean() > 0.005
    moled = grain_of(painted(portrait, lights))
    assert moled.strength.mean() < 1.1 * plain.strength.mean()
    assert np.abs(moled.texture).max() < 1.3 * np.abs(plain.texture).max()


def test_features_do_not_raise_the_texture(portrait):
    """As glasses, which make the differences from what is usual greater but not the grain."""
    lights = noise(portrait, 0.02)
    lights[:, ::24] = 0.5
    assert grain_of(painted(portrait, lights)).texture.std() == pytest.approx(1, rel=0.01)


def test_what_lies_in_another_light_has_the_grain_of_that_light(portrait):
    """A lit half of a face is smooth beside a shaded one whose brushwork is coarse."""
    lit = np.arange(portrait.size) < portrait.landmarks[NOSE, 0]
    lights = np.where(lit, 1.2, 0.5 * noise(portrait, 0.1))
    grain = grain_of(painted(portrait, lights))
    assert grain.strength[0] > 5 * grain.strength[-1]


def test_strokes_of_one_direction_draw_no_streaks(portrait):
    stripes = np.exp(0.1 * np.random.default_rng(1).standard_normal(portrait.size))
    texture = grain_of(painted(portrait, np.tile(stripes, (portrait.size, 1)))).texture
    down, across = (np.diff(texture, axis=axis).std() for axis in (0, 1))
    assert 0.8 < down / across < 1.25


def test_a_face_without_bare_skin_has_none(portrait):
    nothing = replace(portrait, alpha=np.zeros_like(portrait.alpha))
    assert not grain_of(nothing).texture.any()
