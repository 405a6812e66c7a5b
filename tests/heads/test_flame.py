import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import FileFormatError, GagavatarError
from gagavatar_nodes.heads.editions import check_same_edition
from gagavatar_nodes.heads.flame import Flame, evaluate, rotation_matrices
from parity_recipe import DATA, relative_error, synthetic_flame


@pytest.fixture(scope="module")
def asset():
    return synthetic_flame(0)


@pytest.fixture(scope="module")
def flame(asset):
    return Flame(asset)


def codes(batch, scale=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(scale * rng.standard_normal((batch, n))).float() for n in (300, 100, 3, 6)]


def test_vertices_and_landmarks_equal_the_published_code(asset):
    with np.load(DATA / "flame0.npz") as case:
        vertices, landmarks = evaluate(asset, case["shape"], case["expression"], case["pose"], case["eye_pose"])
        assert relative_error(vertices[:, ::7], case["vertices"]) < 1e-6
        assert relative_error(landmarks, case["landmarks"]) < 1e-6


def test_a_head_at_rest_is_the_template_times_five(flame):
    vertices = flame(torch.zeros(1, 300), torch.zeros(1, 100))
    torch.testing.assert_close(vertices[0], 5 * flame.template, rtol=0, atol=1e-6)


def test_turning_the_root_turns_the_whole_mesh_rigidly(flame):
    shape, expression, jaw, eyes = codes(1)
    turn = torch.tensor([[0.1, -0.7, 0.4]])
    still, turned = flame(shape, expression, jaw, eyes), flame(shape, expression, jaw, eyes, root=turn)
    pivot = 5 * (flame.joint_template[0] + flame.joint_directions[0] @ torch.cat([shape, expression], 1)[0])
    expected = (still[0] - pivot) @ rotation_matrices(turn)[0].T + pivot
    torch.testing.assert_close(turned[0], expected, rtol=0, atol=2e-5)


def test_rotation_matrices_equal_the_matrix_exponential():
    vectors = torch.tensor([[0.0, 0, 0], [1e-6, 0, 0], [0.2, -0.5, 0.9], [0, 3.0, 0]], dtype=torch.float64)
    x, y, z = vectors.unbind(-1)
    o = torch.zeros_like(x)
    generator = torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).reshape(-1, 3, 3)
    torch.testing.assert_close(rotation_matrices(vectors), torch.linalg.matrix_exp(generator), rtol=0, atol=1e-12)


def test_gradients_at_rest_are_finite_and_equal_finite_differences(flame):
    jaw = torch.zeros(1, 3, requires_grad=True)
    shape, expression = torch.zeros(1, 300), torch.zeros(1, 100)
    probe = torch.from_numpy(np.random.default_rng(1).standard_normal((1, 5023, 3))).float()
    (flame(shape, expression, jaw) * probe).sum().backward()
    for axis in range(3):
        step = torch.zeros(1, 3)
        step[0, axis] = 1e-2
        ahead, behind = (flame(shape, expression, sign * step) for sign in (1, -1))
        slope = ((ahead - behind) * probe).double().sum() / 2e-2
        assert jaw.grad[0, axis].item() == pytest.approx(slope.item(), rel=2e-2, abs=0.05)


def test_one_shape_serves_a_batch_of_expressions(flame):
    shape, expression, jaw, eyes = codes(3)
    together = flame(shape[:1], expression, jaw, eyes)
    alone = flame(shape[:1], expression[2:], jaw[2:], eyes[2:])
    torch.testing.assert_close(together[2:], alone, rtol=0, atol=1e-5)


def test_landmarks_without_an_embedding_tell_what_to_import(asset):
    flame = Flame({**asset, "lmk_embeddings": None})
    vertices = flame(torch.zeros(1, 300), torch.zeros(1, 100))
    assert vertices.shape == (1, 5023, 3)
    with pytest.raises(GagavatarError, match=r"landmark embedding.*FLAME_with_eye"):
        flame.landmarks(vertices)


def test_codes_of_a_wrong_width_are_named(asset):
    with pytest.raises(FileFormatError, match="expression has 50 values"):
        evaluate(asset, np.zeros((1, 300)), np.zeros((1, 50)), np.zeros((1, 6)), np.zeros((1, 6)))


def test_mixing_editions_is_an_error_that_names_both():
    check_same_edition("2020", "2020")
    with pytest.raises(GagavatarError, match=r"2023 Open.*2020"):
        check_same_edition("2023 Open", "2020")
