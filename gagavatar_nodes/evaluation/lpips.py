"""LPIPS: learned perceptual similarity (arXiv 1801.03924), by backbone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..devices import require_torch
from ..settings import Settings
from .regions import REGIONS, in_regions, pictures
from .sights import Moment
from .variants import Maker, OfFrame, Variant

if TYPE_CHECKING:
    from ..training.lpips import Lpips

_TITLES = {"alex": "AlexNet", "vgg": "VGG16", "squeeze": "SqueezeNet 1.1"}
_PAPERS = {"squeeze": ("GAGAvatar", "FlexAvatar", "OMG-Avatar"), "alex": (), "vgg": ()}


def load_alex(settings: Settings) -> Lpips:
    """Return LPIPS with AlexNet. Raises as `training.lpips.load_lpips`."""
    return _load("alex", settings)


def load_vgg(settings: Settings) -> Lpips:
    """Return LPIPS with VGG16. Raises as `training.lpips.load_lpips`."""
    return _load("vgg", settings)


def load_squeeze(settings: Settings) -> Lpips:
    """Return LPIPS with SqueezeNet. Raises as `training.lpips.load_lpips`."""
    return _load("squeeze", settings)


def _load(backbone: str, settings: Settings) -> Lpips:
    require_torch()
    from ..training.lpips import load_lpips

    return load_lpips(backbone, settings)


_MAKERS: dict[str, Maker] = {"alex": load_alex, "vgg": load_vgg, "squeeze": load_squeeze}


def distance(network: Lpips, image: np.ndarray, truth: np.ndarray) -> float:
    """LPIPS of two pictures [H, W, 3] uint8."""
    import torch

    a, b = (torch.from_numpy(np.ascontiguousarray(one)).permute(2, 0, 1)[None] / 255 for one in (image, truth))
    with torch.inference_mode():
        return float(network.each(a, b))


def _variants(backbone: str) -> tuple[Variant, ...]:
    make = _MAKERS[backbone]

    def of_frame(region: str) -> OfFrame:
        def measure(moment: Moment) -> float:
            pair = pictures(moment, region)
            return float("nan") if pair is None else distance(moment.instruments.get(make), *pair)

        return measure

    made = in_regions(
        f"lpips.{backbone}", f"LPIPS, {_TITLES[backbone]}", f"LPIPS 0.1 with {_TITLES[backbone]}, pictures -1..1",
        "arXiv 1801.03924; github.com/richzhang/PerceptualSimilarity", "", "lower",
        lambda *pair: float("nan"), _PAPERS[backbone], make,
    )  # fmt: skip
    return tuple(replace(one, of_frame=of_frame(region)) for one, region in zip(made, REGIONS, strict=True))


VARIANTS = tuple(one for backbone in _MAKERS for one in _variants(backbone))
