"""Hair continued over the back of a head: a striped wreath of hair around a red face, seen over its upper part."""

from __future__ import annotations

import numpy as np
import pytest

from gagavatar_nodes.lifting.embedded.hair_texture import hair_around

SIZE, INNER, OUTER = 256, 70, 105
BROWN = np.array([0.4, 0.3, 0.2], np.float32)


@pytest.fixture(scope="module")
def polar() -> tuple[np.ndarray, np.ndarray]:
    """[S, S] angle in radians, 0 upward, and radius in pixels around the picture's middle."""
    row, column = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    return np.arctan2(column, -row), np.hypot(row, column)


def stripes(angle: np.ndarray) -> np.ndarray:
    return 1 + 0.5 * np.cos(16 * angle)


@pytest.fixture(scope="module")
def continued(polar) -> np.ndarray:
    angle, radius = polar
    hair = (radius > INNER) & (radius < OUTER) & (np.abs(angle) < 2)
    color = np.where(hair[..., None], BROWN * stripes(angle)[..., None], [1, 0, 0]).astype(np.float32)
    around = np.linspace(0, 2 * np.pi, 36)
    face = SIZE / 2 + INNER * np.column_stack([np.cos(around), np.sin(around)])
    return hair_around(color, hair, np.broadcast_to(BROWN, color.shape), face)


def test_strands_go_on_inward_of_the_rim(continued, polar):
    angle, radius = polar
    rim = (radius > INNER + 5) & (radius < OUTER - 5) & (np.abs(angle) < 1.7)
    inward = (radius > INNER - 20) & (radius < INNER - 5) & (np.abs(angle) < 1.7)
    for part in (rim, inward):
        assert np.corrcoef((continued / BROWN)[part].mean(-1), stripes(angle)[part])[0, 1] > 0.85


def test_where_no_hair_is_seen_there_are_strands_as_well_and_nothing_of_the_face(continued, polar):
    angle, radius = polar
    below = (np.abs(angle) > 2.3) & (radius > INNER) & (radius < OUTER)
    assert (continued / BROWN)[below].std() > 0.2
    inside = radius < OUTER - 6
    hue = continued[inside] / continued[inside].sum(-1, keepdims=True)
    assert np.abs(hue - BROWN / BROWN.sum()).max() < 0.15
    assert np.abs(continued[radius < 4] - BROWN).max() < 0.1, "in the middle, where all angles meet, it is plain"


def test_too_little_hair_leaves_the_plain_color(polar):
    angle, radius = polar
    hair = (radius > INNER) & (radius < OUTER) & (np.abs(angle) < 0.3)
    plain = np.broadcast_to(BROWN, (SIZE, SIZE, 3))
    assert hair_around(np.ones((SIZE, SIZE, 3), np.float32), hair, plain, np.full((4, 2), SIZE / 2)) is plain
