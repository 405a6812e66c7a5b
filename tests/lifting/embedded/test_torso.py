"""The torso goes along with a head that moves aside, and stays where the picture cuts it."""

from __future__ import annotations

import numpy as np
import pytest

from gagavatar_nodes.driving.retarget import HeadPlacement
from gagavatar_nodes.face.topology import CHIN
from gagavatar_nodes.types import HEAD_UNITS_PER_CM

ASIDE_CM = 3.0


def ways(avatar, placement: HeadPlacement) -> np.ndarray:
    """[N, 3] centimeters that splats go from where the portrait has them."""
    there = avatar.gaussians(np.zeros((478, 3)), np.zeros((2, 2)), placement)
    return (there.means - avatar.rest().means) / HEAD_UNITS_PER_CM


@pytest.fixture(scope="module")
def aside(avatar):
    return ways(avatar, HeadPlacement(avatar.stage.rotation, 1.0, np.array([ASIDE_CM, 0, 0])))


@pytest.fixture(scope="module")
def pixels(avatar):
    """[N, 2] of splats in the crop."""
    return avatar.stage.project(avatar.stage.from_canonical(avatar.layer.points.astype(float)))[:, :2]


def test_shoulders_go_half_of_a_heads_way_aside(avatar, aside, pixels):
    scale, size = avatar.stage.scale, avatar.stage.size
    under = avatar.canonical[CHIN, 1] - avatar.layer.points[:, 1]
    middle = np.abs(pixels - size / 2)[:, 0] < 3 * scale
    shoulders = (under > 3) & (pixels[:, 1] < size - 5 * scale) & middle & (avatar.layer.head < 0.2)
    assert shoulders.sum() > 100
    assert np.median(aside[shoulders, 0]) / ASIDE_CM == pytest.approx(0.5, abs=0.12)


def test_where_the_picture_cuts_the_torso_it_stays(avatar, aside, pixels):
    from_edge = np.minimum(pixels, avatar.stage.size - pixels)
    cut = (avatar.layer.head < 0.2) & (avatar.layer.opacities > 0.5) & (from_edge.min(1) < 5)
    assert cut.sum() > 20
    assert np.abs(aside[cut]).max() < 0.1 * ASIDE_CM
