"""The bundled head in FLAME's layout."""

import numpy as np
import pytest
import torch

from gagavatar_nodes.face.bundled_face import arkit_basis, bundled_neutral
from gagavatar_nodes.face.embedded_flame import load_head
from gagavatar_nodes.heads.editions import BUNDLED_HEAD
from gagavatar_nodes.heads.flame_files import check_asset
from gagavatar_nodes.types import ARKIT_NAMES, HEAD_UNITS_PER_CM


@pytest.fixture(scope="module")
def flame():
    from gagavatar_nodes.heads.flame import Flame

    asset = load_head(BUNDLED_HEAD)
    check_asset(asset, "bundled")
    return Flame(asset)


def posed(flame, weights=None, eyes=None, shape=None):
    codes = torch.zeros(1, 100)
    for name, weight in (weights or {}).items():
        codes[0, ARKIT_NAMES.index(name)] = weight
    vertices = flame(torch.zeros(1, 300) if shape is None else shape, codes, None, eyes)
    return vertices, flame.landmarks(vertices)[0].numpy() / HEAD_UNITS_PER_CM


def test_landmarks_are_those_of_the_bundled_face(flame):
    from gagavatar_nodes.face.arkit_flame import IBUG_68

    _, rest = posed(flame)
    _, open_mouth = posed(flame, {"jawOpen": 0.5})
    faces = bundled_neutral()[list(IBUG_68)]
    np.testing.assert_allclose(rest[:68] - rest[:68].mean(0), faces - faces.mean(0), atol=1e-4)
    wanted = 0.5 * arkit_basis()[ARKIT_NAMES.index("jawOpen")][list(IBUG_68)]
    np.testing.assert_allclose(open_mouth[:68] - rest[:68], wanted, atol=1e-4)


def test_eyes_turn_about_their_centers(flame):
    turned = torch.tensor([[0.0, 0.4, 0.0, 0.0, 0.0, 0.0]])
    vertices, marks = posed(flame)
    looking, moved = posed(flame, eyes=turned)
    assert moved[69, 0] > marks[69, 0] + 0.3  # the left eye looks to the subject's left, which is +x
    np.testing.assert_allclose(moved[68], marks[68], atol=1e-5)
    changed = (looking - vertices).norm(dim=-1)[0] > 1e-5
    assert 50 < int(changed.sum()) < 100  # one eyeball and its pupil


def test_shapes_keep_the_face_symmetric(flame):
    codes = torch.zeros(1, 300)
    codes[0, :15] = 1
    _, marks = posed(flame, shape=codes)
    for right, left in ((36, 45), (48, 54), (0, 16)):
        np.testing.assert_allclose(marks[right] * [-1, 1, 1], marks[left], atol=0.05)


def test_arkit_weights_return_from_codes(flame):
    from gagavatar_nodes.face.arkit_flame import fit_arkit_flame

    arkit = fit_arkit_flame(flame)
    weights = np.zeros((1, 52), np.float32)
    weights[0, [ARKIT_NAMES.index(name) for name in ("jawOpen", "mouthSmileLeft", "eyeLookUpRight")]] = 0.5, 0.8, 0.6
    expression, jaw, eyes = arkit.codes(weights)
    assert not jaw.any()
    assert expression[0, ARKIT_NAMES.index("jawOpen")] == pytest.approx(0.5, abs=0.1)
    from gagavatar_nodes.types import FlameCodes

    back = arkit.weights(FlameCodes("embedded", np.zeros(300), expression, jaw, eyes, np.zeros((1, 3, 4))))
    np.testing.assert_allclose(back[weights > 0], weights[weights > 0], atol=0.15)
