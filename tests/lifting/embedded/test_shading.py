"""Likely colors of skin by the way it faces, on a ball whose light is known."""

from __future__ import annotations

import numpy as np
import pytest

from gagavatar_nodes.lifting.embedded.completion import BLACK
from gagavatar_nodes.lifting.embedded.shading import Shading

SKIN = np.array([0.55, 0.4, 0.33])
COUNT = 3000


@pytest.fixture(scope="module")
def normals() -> np.ndarray:
    ways = np.random.default_rng(0).normal(size=(COUNT, 3))
    return ways / np.linalg.norm(ways, axis=1, keepdims=True)


def lit(normals: np.ndarray) -> np.ndarray:
    """Colors [N, 3] of skin that is lighter where it faces the left and up."""
    return np.exp(np.log(SKIN + BLACK) + 0.3 * (normals @ [-0.8, 0.6, 0.0])[:, None]) - BLACK


def fitted(normals: np.ndarray, colors: np.ndarray) -> Shading:
    return Shading.of(normals, colors, (normals[:, 2] > 0.5).astype(float))


def test_skin_that_was_not_seen_has_the_light_of_what_faces_its_way(normals):
    colors = fitted(normals, lit(normals)).colors(normals)
    aside = (np.abs(normals[:, 2]) < 0.5) & (normals[:, 1] > -0.2)
    assert np.abs(colors - lit(normals))[aside].mean() < 0.1
    left, right = (colors[aside & (side * normals[:, 0] > 0.7)].mean() for side in (-1, 1))
    assert left > 1.15 * right


def test_a_side_toward_the_light_is_as_light_as_what_is_seen_of_it(normals):
    colors, level = fitted(normals, lit(normals)).colors(normals), np.abs(normals[:, 1]) < 0.3
    side = level & (normals[:, 0] < -0.8) & (np.abs(normals[:, 2]) < 0.5)
    edge = level & (normals[:, 0] < -0.6) & (normals[:, 2] > 0.5)
    assert min(side.sum(), edge.sum()) > 20
    assert colors[side].mean() > 0.95 * lit(normals)[edge].mean()


def test_brows_and_strands_are_no_skin(normals):
    strands = np.arange(COUNT) % 6 == 0
    strewn = fitted(normals, np.where(strands[:, None], 0.02, lit(normals)))
    bare = fitted(normals, lit(normals))
    assert np.abs(strewn.colors(normals) - bare.colors(normals)).max() < 0.05
    front = normals[:, 2] > 0.5
    likely = strewn.likeness(normals, np.where(strands[:, None], 0.02, bare.colors(normals)))
    assert likely[front & ~strands].mean() > 0.9
    assert likely[front & strands].mean() < 0.05


def test_nothing_is_lighter_or_darker_than_what_was_seen(normals):
    front = normals[:, 2] > 0.5
    colors = fitted(normals, lit(normals)).colors(normals)
    assert colors.max() <= lit(normals)[front].max() + 1e-6
    assert colors.min() >= lit(normals)[front].min() - 1e-6


def test_a_view_of_almost_nothing_has_one_color():
    color = np.tile(SKIN, (5, 1))
    shading = Shading.of(np.tile([0.0, 0.0, 1.0], (5, 1)), color, np.zeros(5))
    assert shading.colors(np.array([[1.0, 0.0, 0.0]])) == pytest.approx(color[:1], abs=0.02)
