"""The `.splat` format of web viewers: 32 bytes a Gaussian."""

from __future__ import annotations

import os

import numpy as np

from ..media.files import atomic_output
from ..types import Gaussians
from .splats import to_splats

_ROW = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("quaternion", "u1", 4)])


def write_splat(gaussians: Gaussians, path: str | os.PathLike[str]) -> int:
    """Write Gaussians as `.splat`, the largest and densest first, as progressive viewers expect. See `write_ply`.

    Returns:
        The number of Gaussians written.

    Raises:
        ValueError: there is none to write.
        MediaError: the file cannot be written.
    """
    splats = to_splats(gaussians).y_down()
    order = np.argsort(-splats.opacities * splats.scales.prod(1), kind="stable")
    rows = np.zeros(len(splats), _ROW)
    rows["mean"] = splats.means
    rows["scale"] = splats.scales
    rows["rgba"][:, :3] = np.round(255 * splats.colors)
    rows["rgba"][:, 3] = np.round(255 * splats.opacities)
    rows["quaternion"] = np.clip(np.round(128 * splats.quaternions + 128), 0, 255)
    with atomic_output(path) as temporary:
        temporary.write_bytes(rows[order].tobytes())
    return len(rows)
