import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.face.arkit_flame import IBUG_68, fit_arkit_flame, with_arkit
from gagavatar_nodes.face.bundled_face import arkit_basis, bundled_neutral
from gagavatar_nodes.heads.flame import Flame, rotation_matrices
from gagavatar_nodes.tracking.emica.results import flame_motion
from gagavatar_nodes.types import ARKIT_NAMES, Camera, FlameCodes
from parity_recipe import synthetic_flame

SCALE = 3  # planted codes: a target at weight 1 is three deviations of one expression code


@pytest.fixture(scope="module")
def flame():
    """A FLAME whose landmarks lie and move as the bundled head's: a unit of code k is a third of target k."""
    asset = synthetic_flame(0)
    model = {k: v.clone() for k, v in asset["flame_model"].items()}
    embedding = dict(asset["lmk_embeddings"])
    points = torch.from_numpy(bundled_neutral()[list(IBUG_68)] / 100).float()
    model["v_template"][:68] = points
    model["f"][:68, 0] = torch.arange(68)
    faces = torch.zeros(1, 70, dtype=torch.long)
    faces[0, :68] = torch.arange(68)
    embedding["full_lmk_faces_idx_with_eye"] = faces
    embedding["full_lmk_bary_coords_with_eye"] = torch.tensor([1.0, 0, 0]).expand(1, 70, 3).clone()
    model["posedirs"].zero_()
    model["shapedirs"][:, :, 300:] = 0
    offsets = torch.from_numpy(arkit_basis()[:, list(IBUG_68)].copy() / 100 / SCALE).float()
    model["shapedirs"][:68, :, 300:352] = offsets.permute(1, 2, 0)
    model["weights"] = torch.eye(5)[torch.zeros(5023, dtype=torch.long)]  # all on the root
    return Flame({"flame_model": model, "lmk_embeddings": embedding})


@pytest.fixture(scope="module")
def arkit_flame(flame):
    return fit_arkit_flame(flame)


def codes_of(expression, jaw=None, eyes=None, edition="2020"):
    T = len(expression)
    transform = np.repeat(Camera.frontal(9.0).transform[None], T, 0)
    zeros = [np.zeros((T, n), np.float32) if a is None else a for n, a in ((3, jaw), (6, eyes))]
    return FlameCodes(edition, np.zeros(300, np.float32), expression, *zeros, transform)


def test_codes_move_flame_as_arkit_moves_the_bundled_head(flame, arkit_flame):
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp", "mouthFunnel", "eyeBlinkRight"):
        weights = np.eye(52, dtype=np.float32)[[ARKIT_NAMES.index(name)]]
        expression, jaw, _ = (torch.from_numpy(c) for c in arkit_flame.codes(weights))
        shape, rest = torch.zeros(1, 300), torch.zeros(1, 100)
        moved = flame.landmarks(flame(shape, expression, jaw)) - flame.landmarks(flame(shape, rest))
        wanted = arkit_basis()[ARKIT_NAMES.index(name), list(IBUG_68)][17:] * 0.05
        error = np.linalg.norm(moved[0, 17:68].numpy() - wanted) / np.linalg.norm(wanted)
        assert error < 0.2, name  # the prior shrinks small motions


def test_weights_survive_the_way_to_flame_and_back(arkit_flame):
    names = ["jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "eyeBlinkLeft", "mouthPucker"]
    columns = [ARKIT_NAMES.index(n) for n in names]
    weights = np.zeros((60, 52), np.float32)
    weights[:, columns] = np.random.default_rng(0).random((60, len(columns)))
    expression, jaw, eyes = arkit_flame.codes(weights)
    back = arkit_flame.weights(codes_of(expression, jaw, eyes))
    assert back.min() >= 0
    assert back.max() <= 1
    for column, name in zip(columns, names, strict=True):
        assert np.corrcoef(weights[:, column], back[:, column])[0, 1] > 0.8, name


def test_a_rest_face_has_no_weights(arkit_flame):
    assert not arkit_flame.weights(codes_of(np.zeros((2, 100), np.float32))).any()


def test_looking_left_turns_both_eyes_to_the_subjects_left(arkit_flame):
    weights = np.zeros((1, 52), np.float32)
    weights[0, [ARKIT_NAMES.index(n) for n in ("eyeLookOutLeft", "eyeLookInRight", "eyeLookDownLeft")]] = 1
    eyes = arkit_flame.codes(weights)[2]
    forward = torch.tensor([0.0, 0, 1])
    left, right = (rotation_matrices(torch.from_numpy(eyes[0, s])) @ forward for s in (slice(0, 3), slice(3, 6)))
    assert left[0] > 0.3  # +x is the subject's left
    assert right[0] > 0.3
    assert left[1] < -0.2
    assert abs(right[1]) < 1e-6
    back = arkit_flame.weights(codes_of(np.zeros((1, 100), np.float32), eyes=eyes))
    np.testing.assert_allclose(back, weights, atol=1e-6)


def test_a_flame_motion_gets_landmarks_for_the_embedded_avatar(arkit_flame):
    weights = np.zeros((3, 52), np.float32)
    weights[:, ARKIT_NAMES.index("jawOpen")] = [0, 0.5, 1]
    motion = with_arkit(flame_motion(codes_of(*arkit_flame.codes(weights)), fps=25), arkit_flame)
    opened = motion.deltas[:, 14, 1].astype(float) - motion.deltas[:, 13, 1]
    assert opened[0] == 0
    assert opened[2] < opened[1] < -0.3
    assert np.isfinite(motion.gaze).all()


def test_another_edition_is_refused(arkit_flame):
    with pytest.raises(GagavatarError, match="2023"):
        arkit_flame.weights(codes_of(np.zeros((1, 100), np.float32), edition="2023"))
