"""GAGAvatar (arXiv 2410.07971): the published network, which makes a 3D Gaussian head of one portrait.

`trace` and `refine` run the whole of it, or its neural renderer, once on arrays, and stay as they are.
`GAGAvatarPredictor` is what an application uses: it lifts a portrait once and renders many frames.

PyTorch is imported when something is used, not with this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .config import GAGAvatarConfig

if TYPE_CHECKING:
    from .checkpoint import build_network, load_checkpoint
    from .functional import refine, trace
    from .image import prepare_image
    from .options import RenderOptions
    from .portrait_gaussians import PortraitGaussians
    from .predictor import Frame, GAGAvatarPredictor

__all__ = [
    "Frame", "GAGAvatarConfig", "GAGAvatarPredictor", "PortraitGaussians", "RenderOptions", "build_network",
    "load_checkpoint", "prepare_image", "refine", "trace",
]  # fmt: skip

_HOMES = {
    "Frame": "predictor", "GAGAvatarPredictor": "predictor", "PortraitGaussians": "portrait_gaussians",
    "RenderOptions": "options", "build_network": "checkpoint", "load_checkpoint": "checkpoint",
    "prepare_image": "image", "refine": "functional", "trace": "functional",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
