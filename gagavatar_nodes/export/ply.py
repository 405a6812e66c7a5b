"""The `.ply` of 3D Gaussian Splatting, which every splat viewer opens."""

from __future__ import annotations

import os

import numpy as np

from ..media.files import atomic_output
from ..types import Gaussians
from .splats import SH_C0, to_splats

_FIELDS = (
    "x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity",
    "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3",
)  # fmt: skip


def write_ply(gaussians: Gaussians, path: str | os.PathLike[str]) -> int:
    """Write Gaussians as a binary 3DGS `.ply`: f_dc colors, logit opacities, logarithmic scales, w x y z rotations.

    The frame is that of `Splats.y_down`, in which viewers show the head upright. Invisible Gaussians are left
    out, and of the features only RGB is kept.

    Returns:
        The number of Gaussians written.

    Raises:
        ValueError: there is none to write.
        MediaError: the file cannot be written.
    """
    splats = to_splats(gaussians).y_down()
    rows = np.zeros((len(splats), len(_FIELDS)), "<f4")
    rows[:, 0:3] = splats.means
    rows[:, 6:9] = (splats.colors - 0.5) / SH_C0
    rows[:, 9] = np.log(splats.opacities / (1 - splats.opacities))
    rows[:, 10:13] = np.log(splats.scales)
    rows[:, 13:17] = splats.quaternions
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"]
    header += [f"property float {name}" for name in _FIELDS] + ["end_header", ""]
    with atomic_output(path) as temporary, open(temporary, "wb") as file:
        file.write("\n".join(header).encode("ascii"))
        file.write(rows.tobytes())
    return len(rows)
