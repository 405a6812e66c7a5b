"""Cloth beside the face stays with the body while the head turns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.driving.operations import neutral_motion
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.face.topology import CHIN
from gagavatar_nodes.media.images import read_image


def ways(avatar) -> np.ndarray:
    """[N] centimeters, times the head's units, that splats go from yaw -25 to 25."""
    rotation = rotation_of(np.radians([-25.0, 25.0]), np.zeros(2))
    performance = avatar.perform(replace(neutral_motion(2), rotation=rotation), pose="absolute")
    first, last = (performance.gaussians(index).means.copy() for index in (0, 1))
    return np.linalg.norm(last - first, axis=1)


@pytest.fixture(scope="module")
def ruffed(track, lift):
    """A portrait whose ruff rises beside her face to the height of her eyes."""
    return lift(track(read_image(assets.path("portrait_pocahontas.jpg")).rgb), 148)


def test_a_ruff_beside_the_face_stays_and_the_face_turns(ruffed):
    way, points = ways(ruffed), ruffed.layer.points - ruffed.canonical[CHIN]
    lace = ruffed.layer.colors @ [0.3, 0.6, 0.1] > 0.45
    beside = lace & (points[:, 1] > 0.5) & (points[:, 1] < 5) & (np.abs(points[:, 0]) > 9)
    hat = points[:, 1] > 16
    assert beside.sum() > 100
    assert np.median(way[beside]) < 0.6 * np.median(way[hat])  # 1.6 where it turns with her, farther from the axis


def test_hair_beside_the_face_goes_with_it(avatar):
    way, points = ways(avatar), avatar.layer.points - avatar.canonical[CHIN]
    crown = points[:, 1] > 18
    hair = (points[:, 1] > 6) & (points[:, 1] < 9) & (np.abs(points[:, 0]) > 8) & (points[:, 2] > -6)
    assert np.median(way[hair]) > 0.5 * np.median(way[crown])
