import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import FileFormatError
from gagavatar_nodes.tracking.emica.encoder import Emica, encode
from parity_recipe import DATA, relative_error, tracker_state_dict


@pytest.fixture(scope="module")
def state_dict():
    return tracker_state_dict("emica")


def test_the_three_encoders_equal_the_published_code(state_dict):
    rng = np.random.default_rng(200)
    face_224 = rng.random((1, 3, 224, 224), np.float32)
    face_112 = rng.random((1, 3, 112, 112), np.float32) * 2 - 1
    codes = encode(state_dict, face_224, face_112)
    with np.load(DATA / "emica0.npz") as case:
        assert sorted(codes) == sorted(case)
        for name in case:
            assert relative_error(codes[name], case[name]) < 3e-5, name
    assert np.linalg.norm(codes["identity"]) == pytest.approx(1, abs=1e-5)


def test_names_and_shapes_are_the_published_ones(state_dict):
    with torch.device("meta"):
        ours = Emica().state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in state_dict.items()}


def test_a_tensor_of_another_network_is_named(state_dict):
    name = "deca_encoder.encoder.layers.2.bias"
    for wrong, message in (
        ({k: v for k, v in state_dict.items() if k != name}, f"{name} is missing"),
        ({**state_dict, name: torch.zeros(236)}, rf"{name} has shape \(236,\), not \(86,\)"),
        ({**state_dict, "E_flame.conv1.weight": torch.zeros(1)}, r"E_flame\.conv1\.weight is unknown"),
    ):
        with pytest.raises(FileFormatError, match=message):
            Emica.load(wrong)
