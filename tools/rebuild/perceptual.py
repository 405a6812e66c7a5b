"""lpips_heads.npz: the weights of channels that make LPIPS of a network's maps, from the Python package lpips."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from .sources import LPIPS, Archive

_BACKBONES = ("alex", "vgg", "squeeze")


def build(work: Path, out: Path) -> None:
    """Write `out/lpips_heads.npz`: of each backbone and layer, the weights [C]."""
    import torch

    archive, heads = Archive(LPIPS, work), {}
    for name in _BACKBONES:
        data = io.BytesIO(archive.read(f"lpips/weights/v0.1/{name}.pth"))
        for key, value in torch.load(data, map_location="cpu", weights_only=True).items():
            heads[f"{name}{key.removeprefix('lin').partition('.')[0]}"] = value.numpy().reshape(-1)
    np.savez_compressed(out / "lpips_heads.npz", **heads)
