"""APD: average distance of head poses between result and driver."""

from __future__ import annotations

import numpy as np

from ..face.pose import yaw_pitch_roll
from .deep3d import deep3d_codes, load_deep3d
from .tracks import Tracks
from .variants import Variant, code_difference


def angles_between(rotations: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[T] radians of the rotation that takes [T, 3, 3] to [T, 3, 3]."""
    turn = np.asarray(rotations, np.float64).swapaxes(-1, -2) @ others
    # The sine part too: the arc cosine of a trace near 3 would lose half of the digits.
    axis = np.stack([turn[..., 2, 1] - turn[..., 1, 2], turn[..., 0, 2] - turn[..., 2, 0],
                     turn[..., 1, 0] - turn[..., 0, 1]], -1)  # fmt: skip
    return np.arctan2(np.linalg.norm(axis, axis=-1), np.trace(turn, axis1=-2, axis2=-1) - 1)


def _geodesic(tracks: Tracks) -> np.ndarray:
    return np.degrees(angles_between(tracks.result.motion.rotation, tracks.driver.motion.rotation))


def _l1(tracks: Tracks) -> np.ndarray:
    result, driver = (yaw_pitch_roll(one.motion.rotation.astype(np.float64)) for one in (tracks.result, tracks.driver))
    return np.abs((result - driver + np.pi) % (2 * np.pi) - np.pi).mean(-1)


VARIANTS = (
    Variant(
        "apd.geodesic.landmarks478", "APD, angle", "angle of the rotation between the heads' poses, by weighted "
        "Procrustes of the bundled tracker's landmarks", "this program", "°", "lower", of_tracks=_geodesic,
    ),
    Variant(
        "apd.l1.landmarks478", "APD, Euler angles, L1", "mean absolute difference of yaw, pitch and roll of the same "
        "poses", "this program", "rad", "lower", of_tracks=_l1,
    ),
    Variant(
        "apd.l1.deep3d", "APD, Deep3DFaceRecon", "mean absolute difference of Deep3DFaceRecon's three angles",
        "github.com/theEricMa/OTAvatar, issue 27; FlexAvatar, scripts/compute_metrics.py", "rad", "lower",
        code_difference(deep3d_codes, "angles"), papers=("OTAvatar", "FlexAvatar"), instrument=load_deep3d,
    ),
    Variant(
        "apd.sum.deep3d", "APD, Deep3DFaceRecon, sum", "sum of absolute differences of the three angles",
        "github.com/xg-chu/GAGAvatar, issue 36: l1_loss of pose[:3], or its sum, from the author's memory", "rad",
        "lower", code_difference(deep3d_codes, "angles", sum_up=True), instrument=load_deep3d,
    ),
)  # fmt: skip
