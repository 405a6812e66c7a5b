"""LPIPS: learned perceptual similarity of pictures (Zhang et al., arXiv 1801.03924, version 0.1).

The heads that weigh the channels are bundled. The backbones are torchvision's files: a user places them; AlexNet also
lies in the published GAGAvatar.pt.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import assets
from ..errors import FileFormatError, WeightsError
from ..lifting.gagavatar.backbone import normalize
from ..lifting.gagavatar.checkpoint import load_perceptual_weights
from ..settings import CHECKPOINT, Settings
from ..torch_file import fill_network, load_torch_file
from ..weights import default_folder, find_weight
from ..weights.lockfile import sha256_of

BACKBONES = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
}
"""torchvision's file names, which end in the first digits of the SHA-256."""
_ADDRESS = "https://download.pytorch.org/models"
_PREFIX = "features."
_EPS = 1e-10
_TAPS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29), "squeeze": (1, 4, 7, 9, 10, 11, 12)}
"""Layers whose maps are compared."""


class Fire(nn.Module):
    """SqueezeNet's block: few channels, then two kernels side by side. Names are torchvision's."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, 2 * expanded, H, W]."""
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], 1)


def _alexnet() -> list[nn.Module]:
    return [
        nn.Conv2d(3, 64, 11, 4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    ]  # fmt: skip


def _vgg16() -> list[nn.Module]:
    layers: list[nn.Module] = []
    inputs = 3
    for block in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for outputs in block:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    return layers[:-1]


def _squeezenet() -> list[nn.Module]:
    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    return [
        nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool(), Fire(64, 16, 64), Fire(128, 16, 64), pool(), Fire(128, 32, 128),
        Fire(256, 32, 128), pool(), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256),
    ]  # fmt: skip


_LAYERS: dict[str, Callable[[], list[nn.Module]]] = {"alex": _alexnet, "vgg": _vgg16, "squeeze": _squeezenet}


class Lpips(nn.Module):
    """LPIPS with one of `BACKBONES`."""

    def __init__(self, backbone: str) -> None:
        super().__init__()
        self.features = nn.Sequential(*_LAYERS[backbone]())
        self._taps = _TAPS[backbone]
        with np.load(assets.path("lpips_heads.npz")) as heads:
            for index in range(len(self._taps)):
                head = torch.from_numpy(heads[f"{backbone}{index}"].astype(np.float32))
                self.register_buffer(f"head{index}", head[:, None, None], persistent=False)

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """Distance of pictures [B, 3, H, W] 0..1, averaged over them; `image` is clamped, which LPIPS asks for."""
        return self.each(image.clamp(0, 1), target).mean()

    def each(self, image: Tensor, target: Tensor) -> Tensor:
        """[B] distances of pictures [B, 3, H, W] 0..1."""
        pairs = zip(self._maps(image), self._maps(target), strict=True)
        layers = [
            ((_unit(a) - _unit(b)) ** 2 * getattr(self, f"head{index}")).sum(1).mean((1, 2))
            for index, (a, b) in enumerate(pairs)
        ]
        return torch.stack(layers).sum(0)

    def against(self, target: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the distance of pictures from `target`."""
        return lambda image: self(image, target)

    def _maps(self, image: Tensor) -> list[Tensor]:
        maps, x = [], normalize(image)
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self._taps:
                maps.append(x)
        return maps


def load_lpips(backbone: str, settings: Settings | None = None) -> Lpips:
    """Return LPIPS with a backbone's published weights, frozen.

    Raises:
        WeightsError: the file is not here (the message says where to get it), or is another one.
        FileFormatError: it is damaged.
    """
    settings = settings or Settings()
    name = BACKBONES[backbone]
    places = [*settings.folders, default_folder()]
    path = next((one / name for one in places if (one / name).is_file()), None)
    if path is not None:
        return fill_network(lambda: _build(backbone), _read(path, backbone), path, _again(name)).float()
    published = find_weight(CHECKPOINT, settings.folders) if backbone == "alex" else None
    if published is not None:
        state = load_perceptual_weights(published)
        return fill_network(lambda: _build(backbone), _published_alexnet(state), published, _again(name)).float()
    also = (
        f", or {CHECKPOINT} (`gagavatar weights download {CHECKPOINT}`), which holds it" if backbone == "alex" else ""
    )
    raise WeightsError(
        f"LPIPS needs {name} of torchvision (BSD-3-Clause; trained on ImageNet): place the file from "
        f"{_ADDRESS}/{name} at {places[0] / name}{also}"
    )


def _build(backbone: str) -> Lpips:
    """The network of which `fill_network` takes the shapes; the heads are real."""
    with torch.device("cpu"):
        return Lpips(backbone)


def _read(path: Path, backbone: str) -> dict[str, Any]:
    """The convolutions of torchvision's file, once it is sure that it is the published one."""
    digits = path.stem.rpartition("-")[2]
    if not sha256_of(path).startswith(digits):
        raise WeightsError(f"{path} is not torchvision's file, whose SHA-256 begins with {digits}. {_again(path.name)}")
    state = load_torch_file(path, _again(path.name))
    if not isinstance(state, dict):
        raise FileFormatError(f"{path} holds no state dict. {_again(path.name)}")
    last = max(_TAPS[backbone])
    return {key: value for key, value in state.items()
            if key.startswith(_PREFIX) and int(key.split(".")[1]) <= last}  # fmt: skip


def _published_alexnet(state: Any) -> dict[str, Any]:
    """AlexNet's convolutions of the published checkpoint, under torchvision's names."""
    found = {}
    for key, value in state.items():
        parts = key.split(".")
        if parts[0] == "net":
            found[f"{_PREFIX}{parts[-2]}.{parts[-1]}"] = value
    return found


def _again(name: str) -> str:
    return f"Download {_ADDRESS}/{name} again."


def _unit(features: Tensor) -> Tensor:
    return features / (features.norm(dim=1, keepdim=True) + _EPS)
