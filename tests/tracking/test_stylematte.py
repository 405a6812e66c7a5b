import numpy as np
import pytest
import torch
from torch.nn import functional

from gagavatar_nodes.errors import FileFormatError
from gagavatar_nodes.tracking.emica.crops import normalize
from gagavatar_nodes.tracking.emica.stylematte import StyleMatte, guided_upsampling
from parity_recipe import DATA, relative_error, tracker_state_dict


@pytest.fixture(scope="module")
def state_dict():
    return tracker_state_dict("stylematte")


@pytest.fixture(scope="module")
def network(state_dict):
    return StyleMatte.load(state_dict)


@torch.no_grad()
def test_decoded_maps_and_alpha_equal_the_published_code(network):
    small = torch.from_numpy(np.random.default_rng(7).standard_normal((1, 3, 13, 17), dtype=np.float32))
    image = functional.interpolate(small, (104, 136), mode="bilinear", align_corners=True)
    decoded = network.pixel_decoder.decoder(network.pixel_decoder.encoder(image))
    with np.load(DATA / "stylematte0.npz") as case:
        assert relative_error(decoded[2][0, ::32], case["decoded"]) < 1e-4
        assert relative_error(network(image)[0, 0, ::2, ::2], case["alpha"]) < 1e-4


def test_names_and_shapes_are_the_published_ones(state_dict):
    with torch.device("meta"):
        ours = StyleMatte().state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in state_dict.items()}
    with pytest.raises(FileFormatError, match=r"tensor conv\.bias is missing"):
        StyleMatte.load({k: v for k, v in state_dict.items() if k != "conv.bias"})


def test_pictures_of_any_size_are_matted_in_their_own(network, monkeypatch):
    picture = torch.from_numpy(np.random.default_rng(1).uniform(0, 255, (3, 45, 70)).astype(np.float32))
    with torch.no_grad():
        padded = functional.pad(picture[None] / 255, (2, 0, 3, 0), mode="reflect")
        wanted = network(normalize(padded))[0, 0, 3:, 2:]
    torch.testing.assert_close(network.alpha(picture), wanted)
    seen = []
    monkeypatch.setattr(network, "forward", lambda image: seen.append(image.shape[2:]) or image[:, :1] * 0 + 0.25)
    assert network.alpha(torch.zeros(3, 600, 2048)).shape == (600, 2048)
    assert seen == [(304, 1024)], "the longer edge shrinks to 1024, and both are filled up to eights"


def test_guided_upsampling_follows_the_guides_edges():
    """Where values are a linear function of the guide, they stay one at the fine size (He and Sun 2015, eq. 1)."""
    rng = np.random.default_rng(2)
    coarse = torch.from_numpy(rng.uniform(-2, 2, (1, 1, 9, 12)))
    fine = functional.interpolate(coarse, (36, 48), mode="bilinear", align_corners=True)
    made = guided_upsampling(coarse, 3 * coarse - 0.5, fine)
    torch.testing.assert_close(made, 3 * fine - 0.5, atol=2e-2, rtol=0)


def test_the_filter_is_the_papers_box_filter_in_float64():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 6, 7))

    def mean(values):
        padded, count = np.pad(values, 1), np.pad(np.ones_like(values), 1)
        windows = [(slice(i, i + 6), slice(j, j + 7)) for i in range(3) for j in range(3)]
        return sum(padded[w] for w in windows) / sum(count[w] for w in windows)

    slope = (mean(x * y) - mean(x) * mean(y)) / (mean(x * x) - mean(x) ** 2 + 1e-4)
    wanted = slope * x + mean(y) - slope * mean(x)
    tensors = [torch.from_numpy(a)[None, None] for a in (x, y, x)]
    np.testing.assert_allclose(guided_upsampling(*tensors)[0, 0].numpy(), wanted, atol=1e-10)
