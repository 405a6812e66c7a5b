"""The face-perceptual loss: features of AlexNet and of VGG-Face (arXiv 2410.07971, section 3.5)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from ..errors import FileFormatError, GagavatarError
from ..lifting.gagavatar.backbone import normalize
from ..lifting.gagavatar.checkpoint import load_perceptual_weights
from ..settings import Settings
from .lpips import Lpips, load_lpips

KINDS = ("published", "lpips", "none")
_LAYER_WEIGHTS = (0.1, 0.1, 1.0, 1.0, 1.0, 0.05, 0.05, 0.5, 0.5, 0.5)
"""Of AlexNet's and of VGG-Face's maps."""
_EPS = 1e-10
_FACE_MEAN = (129.186279296875, 104.76238250732422, 93.59396362304688)  # RGB 0..255, of VGG-Face's pictures

_Module = TypeVar("_Module", bound=nn.Module)
_log = logging.getLogger(__name__)


class AlexNetFeatures(nn.Module):
    """AlexNet's maps after each of its five ReLUs. Names of modules are those of the published state dict."""

    def __init__(self) -> None:
        super().__init__()
        self.slice1 = _layers({0: nn.Conv2d(3, 64, 11, 4, padding=2), 1: nn.ReLU()})
        self.slice2 = _layers({2: nn.MaxPool2d(3, 2), 3: nn.Conv2d(64, 192, 5, padding=2), 4: nn.ReLU()})
        self.slice3 = _layers({5: nn.MaxPool2d(3, 2), 6: nn.Conv2d(192, 384, 3, padding=1), 7: nn.ReLU()})
        self.slice4 = _layers({8: nn.Conv2d(384, 256, 3, padding=1), 9: nn.ReLU()})
        self.slice5 = _layers({10: nn.Conv2d(256, 256, 3, padding=1), 11: nn.ReLU()})

    def forward(self, image: Tensor) -> list[Tensor]:
        """RGB [B, 3, H, W] 0..1 to five maps."""
        maps, x = [], normalize(image)
        for part in (self.slice1, self.slice2, self.slice3, self.slice4, self.slice5):
            x = part(x)
            maps.append(x)
        return maps


class FaceFeatures(nn.Module):
    """VGG-Face's convolutions (of the shape of VGG-16) and its maps after the first ReLU of each of five blocks."""

    _BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self._taken: list[int] = []
        inputs = 3
        for block in self._BLOCKS:
            self._taken.append(len(layers) + 1)
            for outputs in block:
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
                inputs = outputs
            layers.append(nn.MaxPool2d(2))
        self.network = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> list[Tensor]:
        """RGB [B, 3, H, W] 0..1 to five maps."""
        x = image * 255 - image.new_tensor(_FACE_MEAN)[:, None, None]
        maps = []
        for index, layer in enumerate(self.network[: self._taken[-1] + 1]):  # type: ignore[arg-type,var-annotated]
            x = layer(x)
            if index in self._taken:
                maps.append(x)
        return maps


class FacePerceptualLoss(nn.Module):
    """Weighted L1 distance of features that are scaled to unit length at each pixel. Not LPIPS: nothing is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.net = AlexNetFeatures()
        self.vggface = FaceFeatures()

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """Distance of pictures [B, 3, H, W] 0..1, averaged over them; `image` may leave that range."""
        return self.against(target)(image)

    def against(self, target: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the distance of pictures from `target`, of which features are computed once and have no gradient."""
        with torch.no_grad():
            goals = self._features(target)

        def distance(image: Tensor) -> Tensor:
            layers = [_distance(*maps) for maps in zip(self._features(image), goals, strict=True)]
            return (torch.stack(layers) * layers[0].new_tensor(_LAYER_WEIGHTS)).sum()

        return distance

    def _features(self, image: Tensor) -> list[Tensor]:
        """Five maps of AlexNet, then five of VGG-Face."""
        return self.net(image) + self.vggface(image)


def make_perceptual(
    kind: Literal["published", "lpips", "none"] = "published", checkpoint: str | Path | None = None
) -> FacePerceptualLoss | Lpips | None:
    """Return the perceptual loss: a frozen module of (picture, target) -> one number, or None for "none".

    "published" reads its networks out of the published `GAGAvatar.pt` named by `checkpoint`. LPIPS values are about a
    fiftieth of its values; weigh them accordingly.

    Raises:
        GagavatarError: unknown kind; "published" without a checkpoint; "lpips" without AlexNet.
        FileFormatError: the checkpoint is missing, damaged or without perceptual networks.
    """
    if kind not in KINDS:
        raise GagavatarError(f"perceptual = {kind!r} is unknown: choose one of {', '.join(KINDS)}")
    if kind == "none":
        _log.warning('Training goes without a perceptual loss (perceptual = "none"): expect softer pictures.')
        return None
    if kind == "lpips":
        _log.warning('The perceptual loss is LPIPS (perceptual = "lpips"), not the published one of faces.')
        return load_lpips("alex", Settings(weights=checkpoint))
    if checkpoint is None:
        raise GagavatarError(
            'perceptual = "published" reads its networks from the published GAGAvatar.pt: name that file, or choose '
            '"lpips" or "none"'
        )
    module = FacePerceptualLoss()
    load_perceptual(module, load_perceptual_weights(checkpoint), checkpoint)
    return _frozen(module)


def load_perceptual(module: FacePerceptualLoss, state: Mapping[str, Tensor], name: object) -> None:
    """Fill the perceptual networks. Raises FileFormatError, which tells the file's `name`, where tensors do not fit."""
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    wrong = [key for key, shape in expected.items() if key not in state or tuple(state[key].shape) != shape]
    if wrong:
        raise FileFormatError(f"{name}: its perceptual networks lack {wrong[0]} or have it in another shape. Download "
                              "assets/GAGAvatar.pt of xg-chu/GAGAvatar again")  # fmt: skip
    module.load_state_dict({key: state[key].float() for key in expected})


def _frozen(module: _Module) -> _Module:
    return module.eval().requires_grad_(False)


def _layers(layers: Mapping[int, nn.Module]) -> nn.Sequential:
    part = nn.Sequential()
    for name, layer in layers.items():
        part.add_module(str(name), layer)
    return part


def _distance(features: Tensor, goals: Tensor) -> Tensor:
    return (_unit(features) - _unit(goals)).abs().sum(dim=1).mean()


def _unit(features: Tensor) -> Tensor:
    return features / (features.norm(dim=1, keepdim=True) + _EPS)
