"""The mesh-bound skin: what moves it, and what of it stays away from the mouth."""

from __future__ import annotations

import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.face.topology import INNER_LIPS, UNDER_NOSE
from gagavatar_nodes.lifting.embedded.binding import LANDMARKS
from gagavatar_nodes.media.images import read_image


@pytest.fixture(scope="module")
def avatar(track, lift):
    return lift(track(read_image(assets.path("portrait_franklin.jpg")).rgb), 148)


def test_the_hidden_side_of_a_turned_face_follows_landmarks_that_lie_over_it(avatar):
    layer, marks = avatar.layer, avatar.canonical
    skin = np.arange(len(layer)) >= layer.lattice
    binding = layer.binding
    whole = (binding.controls < LANDMARKS).all(1) & (np.abs(binding.weights[:, :3].sum(1) - 1) < 1e-3)
    rows = np.flatnonzero(skin & whole & (binding.weights[:, 3] == 0))
    controls, weights = binding.controls[rows, :3], binding.weights[rows, :3]
    over = (marks[controls, :2] * weights[..., None]).sum(1)
    far = np.linalg.norm(over - layer.points[rows, :2], axis=1)
    assert len(rows) > 3000
    assert (far > 2).sum() < 30  # centimeters; in the picture they lie under the nose or the other lips


def test_cheeks_have_no_inner_side_that_would_come_out_of_them(avatar):
    layer, marks = avatar.layer, avatar.canonical
    middle = marks[list(INNER_LIPS)].mean(0)
    points = layer.points[layer.lattice : len(layer) - len(avatar.mouth_fade)]
    beside = (np.abs(points[:, 0] - middle[0]) > 3) & (np.abs(points[:, 0] - middle[0]) < 3.6)
    beside &= (np.abs(points[:, 1] - middle[1]) < 0.8) & (points[:, 2] > -3) & (points[:, 1] < marks[UNDER_NOSE, 1])
    for side in (-1, 1):
        depths = points[beside & (np.sign(points[:, 0] - middle[0]) == side), 2]
        assert len(depths) > 10
        assert np.ptp(depths) < 2.2
