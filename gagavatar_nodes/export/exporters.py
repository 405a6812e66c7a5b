"""Splat files by their extension."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import MediaError
from ..types import Gaussians
from .glb import write_glb
from .ply import write_ply
from .splat import write_splat
from .spz import write_spz

EXPORTERS: dict[str, Callable[[Gaussians, str | os.PathLike[str]], int]] = {
    ".ply": write_ply,
    ".splat": write_splat,
    ".spz": write_spz,
    ".glb": write_glb,
}
"""By extension."""


def check_export(path: str | os.PathLike[str]) -> None:
    """Validate an extension before any work.

    Raises:
        MediaError: the extension is none of `EXPORTERS`.
    """
    if Path(path).suffix.lower() not in EXPORTERS:
        raise MediaError(f"{path} has no splat extension that can be written: use {', '.join(EXPORTERS)}")


def export_gaussians(gaussians: Gaussians, path: str | os.PathLike[str]) -> int:
    """Write Gaussians in the format that the extension of `path` names; see `write_ply`.

    Returns:
        The number of Gaussians written.

    Raises:
        ValueError: there is none to write.
        MediaError: the extension is unknown, or the file cannot be written.
    """
    check_export(path)
    return EXPORTERS[Path(path).suffix.lower()](gaussians, path)
