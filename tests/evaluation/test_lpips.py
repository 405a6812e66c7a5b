"""LPIPS against the numbers of the Python packages lpips and torchvision (tests/data/lpips.json), on drawn weights."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from drawn_lpips import drawn_pictures, drawn_weights
from gagavatar_nodes.errors import FileFormatError, WeightsError
from gagavatar_nodes.evaluation.lpips import distance
from gagavatar_nodes.settings import Settings

torch = pytest.importorskip("torch")
from gagavatar_nodes.training import lpips  # noqa: E402

PARITY = json.loads((Path(__file__).parents[1] / "data/lpips.json").read_text())["distances"]


def drawn(backbone):
    network = lpips.Lpips(backbone)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(value) for name, value in drawn_weights(shapes).items()})
    return network.eval()


@pytest.mark.parametrize("backbone", lpips.BACKBONES)
def test_distance_is_that_of_the_published_code(backbone):
    a, b = (torch.from_numpy(one).permute(2, 0, 1)[None] for one in drawn_pictures())
    with torch.no_grad():
        network = drawn(backbone)
        assert float(network.each(a, b)) == pytest.approx(PARITY[backbone], rel=1e-3)
        assert float(network(a, a)) == pytest.approx(0, abs=1e-9)


def test_gradient_reaches_the_picture():
    a, b = (torch.from_numpy(one).permute(2, 0, 1)[None] for one in drawn_pictures())
    a.requires_grad_()
    drawn("squeeze").against(b)(a).backward()
    assert float(a.grad.abs().max()) > 0


@pytest.fixture
def placed(tmp_path, monkeypatch):
    """A file of drawn weights whose name ends in the digits of its sum, as torchvision's do; its settings."""
    path = tmp_path / "squeezenet.pth"
    state = drawn("squeeze").state_dict()
    torch.save(state | {"classifier.1.weight": torch.zeros(2)}, path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    monkeypatch.setitem(lpips.BACKBONES, "squeeze", f"squeezenet-{digits}.pth")
    path.rename(path.with_name(f"squeezenet-{digits}.pth"))
    return Settings(weights=tmp_path), path.with_name(f"squeezenet-{digits}.pth")


def test_file_of_torchvision_is_read_and_checked(placed):
    settings, path = placed
    a, b = ((one * 255).round().astype(np.uint8) for one in drawn_pictures())
    assert distance(lpips.load_lpips("squeeze", settings), a, b) == pytest.approx(PARITY["squeeze"], rel=0.05)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(WeightsError, match="is not torchvision's file"):
        lpips.load_lpips("squeeze", settings)


def test_alexnet_of_the_published_checkpoint_serves(tmp_path):
    state = drawn("alex").state_dict()
    layers = {0: 1, 3: 2, 6: 3, 8: 4, 10: 5}
    named = {}
    for key, value in state.items():
        _, layer, what = key.split(".")
        named[f"percep_loss.net.slice{layers[int(layer)]}.{layer}.{what}"] = value
    torch.save({"model": named, "meta_cfg": {}}, tmp_path / "GAGAvatar.pt")
    loaded = lpips.load_lpips("alex", Settings(weights=tmp_path))
    for key, value in state.items():
        torch.testing.assert_close(loaded.state_dict()[key], value)


def test_missing_file_is_said_with_its_address_and_place(tmp_path, monkeypatch):
    monkeypatch.setenv("GAGAVATAR_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"https://download.pytorch.org/models/vgg16-397923af.pth at .*vgg16"):
        lpips.load_lpips("vgg")


def test_file_of_another_network_is_refused(placed, monkeypatch):
    settings, path = placed
    torch.save({"features.0.weight": torch.zeros(3)}, path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    other = path.with_name(f"squeezenet-{digits}.pth")
    path.rename(other)
    monkeypatch.setitem(lpips.BACKBONES, "squeeze", other.name)
    with pytest.raises(FileFormatError, match=r"features.0.weight has shape \(3,\)"):
        lpips.load_lpips("squeeze", settings)
