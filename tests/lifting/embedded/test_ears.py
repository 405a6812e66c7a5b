"""Light in the folds of ears, on the bundled head as it comes."""

from __future__ import annotations

import numpy as np
import pytest

from gagavatar_nodes.face.topology import CHIN, FOREHEAD
from gagavatar_nodes.heads.cc0 import head_mesh
from gagavatar_nodes.lifting.embedded.ears import hair_over_ears, on_ears
from gagavatar_nodes.lifting.embedded.head_fit import skin_triangles


@pytest.fixture(scope="module")
def skin():
    """Its points [N, 3], from left to right."""
    points = head_mesh().vertices[np.unique(skin_triangles())]
    return points[np.argsort(points[:, 0])]


def test_folds_are_in_the_shade_and_the_rim_is_in_the_light(skin):
    ear, light = on_ears(skin, head_mesh().vertices)
    inner = ear > 0.99
    outermost = np.abs(skin[:, 0]) > np.quantile(np.abs(skin[inner, 0]), 0.9)
    assert light[inner].min() < 0.6
    assert np.median(light[inner & outermost]) > 0.85


def test_only_the_sides_have_ears_and_both_have_the_same(skin):
    ear, light = on_ears(skin, head_mesh().vertices)
    mirrored = on_ears(skin * [-1, 1, 1], head_mesh().vertices)
    assert mirrored[0] == pytest.approx(ear, abs=0.1)
    assert np.abs(mirrored[1] - light).mean() < 0.02
    marks = head_mesh().landmarks(head_mesh().vertices)[[CHIN, FOREHEAD]]
    nothing = on_ears(marks, head_mesh().vertices)
    assert nothing[0] == pytest.approx(0)
    assert nothing[1] == pytest.approx(1)
    heights = skin[ear > 0.5, 1]
    assert marks[0, 1] < heights.min() < heights.max() < marks[1, 1]


@pytest.mark.parametrize(("shown", "hair", "covered"), [
    pytest.param((1, 1), (0, 1), (0, 1), id="each as the portrait shows it"),
    pytest.param((1, 0), (0, 0), (0, 0), id="the far one bare as the near one"),
    pytest.param((1, 0), (1, 0), (1, 1), id="the far one covered as the near one"),
    pytest.param((0, 0), (0, 0), (0, 0), id="nothing known"),
])  # fmt: skip
def test_hair_over_ears(skin, shown, hair, covered):
    ear, _ = on_ears(skin, head_mesh().vertices)
    right = (skin[:, 0] >= 0).astype(int)
    over = hair_over_ears(skin, ear, np.array(shown)[right], np.array(hair)[right])
    assert over == pytest.approx(np.array(covered)[right])
