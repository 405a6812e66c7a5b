"""Head poses of a motion: their strength, and orbits in place of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..choices import ORBITS
from ..errors import GagavatarError
from ..types import FRONTAL_ROTATION, Motion
from .timeline import take


def scale_head_pose(motion: Motion, strength: float, about: str = "front") -> Motion:
    """Weaker (0..1) or stronger head movement: 0 holds the head still, 1 changes nothing.

    Rotations are scaled along the shortest turn from a reference: `about` "front" is the view into the camera, so that
    0 faces it; "mean" is the motion's mean rotation, so that 0 keeps the driver's usual one and a picture's stays.
    Translation is scaled about its median, scale about its median as a power.
    """
    if about not in ("front", "mean"):
        raise GagavatarError(f"A head pose is scaled about 'front' or 'mean', not '{about}'")
    if not math.isfinite(strength) or strength < 0:
        raise GagavatarError(f"The strength of the head pose must be 0 or more, but got {strength}")
    if strength == 1:
        return motion
    middle = np.median(motion.translation, axis=0)
    size = np.median(motion.scale)
    flame = motion.flame
    if flame is not None:
        shift = flame.transform[..., 3]
        shift = np.median(shift, axis=0) + strength * (shift - np.median(shift, axis=0))
        flame = replace(flame, transform=_transforms(_scale(_head_rotations(flame.transform), strength, about), shift))
    return replace(
        motion,
        rotation=_scale(motion.rotation, strength, about).astype(np.float32),
        translation=(middle + strength * (motion.translation - middle)).astype(np.float32),
        scale=(size * (motion.scale / size) ** strength).astype(np.float32),
        flame=flame,
    )


def orbit_path(kind: str, yaw_degrees: float, pitch_degrees: float, seconds: float, fps: float) -> np.ndarray:
    """Rotations [T, 3, 3] float32 that show a head from around, and end where they begin.

    "sweep" turns to one side and the other, then down and up where `pitch_degrees` is not 0; "circle" looks around
    the rim of an ellipse; "figure8" crosses the middle. Yaw and pitch are the largest angles to either side.

    Raises:
        GagavatarError: the kind is not one of `ORBITS`, or a number makes no sense.
    """
    if kind not in ORBITS:
        raise GagavatarError(f"There is no orbit '{kind}': choose one of {', '.join(ORBITS)}")
    if not (fps > 0 and seconds > 0 and math.isfinite(fps * seconds)):
        raise GagavatarError(f"An orbit needs seconds and frames per second above 0, but got {seconds} s at {fps} fps")
    if not (abs(yaw_degrees) <= 180 and abs(pitch_degrees) <= 90):
        raise GagavatarError(f"An orbit's yaw is at most 180 and its pitch 90, but got {yaw_degrees}, {pitch_degrees}")
    count = max(1, round(seconds * fps))
    turn = 2 * np.pi * np.arange(count) / count
    if kind == "sweep" and pitch_degrees:
        swing = np.sin(2 * turn) ** 3  # cubed, to come to rest between the two
        yaw, pitch = np.where(turn < np.pi, swing, 0), np.where(turn < np.pi, 0, swing)
    else:
        yaw, pitch = np.sin(turn), np.cos(turn) if kind == "circle" else np.sin(2 * turn)
    return rotation_of(np.radians(yaw_degrees) * yaw, np.radians(pitch_degrees) * pitch)


def orbit(
    motion: Motion,
    kind: str = "sweep",
    yaw_degrees: float = 30.0,
    pitch_degrees: float = 0.0,
    seconds: float | None = None,
) -> Motion:
    """Return the motion's expression with the head on an `orbit_path`, in place.

    The path takes the motion's length, or `seconds`: then the motion is cut or its last frame held to fit.
    """
    duration = len(motion) / motion.fps if seconds is None else seconds
    path = orbit_path(kind, yaw_degrees, pitch_degrees, duration, motion.fps)
    fitted = motion if len(path) == len(motion) else take(motion, np.minimum(np.arange(len(path)), len(motion) - 1))
    flame = fitted.flame
    if flame is not None:
        shift = np.median(flame.transform[..., 3], axis=0)
        flame = replace(flame, transform=_transforms(path, np.broadcast_to(shift, (len(path), 3))))
    still = np.median(motion.translation, axis=0), np.median(motion.scale)
    return replace(
        fitted,
        rotation=path,
        translation=np.tile(still[0], (len(path), 1)).astype(np.float32),
        scale=np.full(len(path), still[1], np.float32),
        flame=flame,
    )


def turn_head(motion: Motion, yaw_degrees: float, pitch_degrees: float, roll_degrees: float = 0.0) -> Motion:
    """Return the motion with its head turned further by fixed angles, see `HeadPose.rotation`.

    Roll tilts it clockwise.
    """
    if not all(math.isfinite(angle) for angle in (yaw_degrees, pitch_degrees, roll_degrees)):
        raise GagavatarError(f"A head turns by numbers, but got {yaw_degrees}, {pitch_degrees}, {roll_degrees} degrees")
    return turn_by(motion, rotation_of(*np.radians([yaw_degrees, pitch_degrees, roll_degrees])))


def turn_by(motion: Motion, turn: np.ndarray) -> Motion:
    """Return the motion with its head turned further by rotations [3, 3] or [T, 3, 3]."""
    flame = motion.flame
    if flame is not None:
        rotations = turn.astype(np.float64) @ _head_rotations(flame.transform)
        flame = replace(flame, transform=_transforms(rotations, flame.transform[..., 3]))
    return replace(motion, rotation=(turn @ motion.rotation).astype(np.float32), flame=flame)


def rotation_of(yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray | float = 0.0) -> np.ndarray:
    """Rotations [..., 3, 3] float32 Ry(yaw) Rx(pitch) Rz(roll) of angles in radians, see `HeadPose.rotation`."""
    yaw, pitch, roll = np.broadcast_arrays(np.asarray(yaw, float), pitch, roll)
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw, pitch, roll))
    rows = [
        [cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [cy * sp * sr - sy * cr, sy * sr + cy * sp * cr, cy * cp],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2).astype(np.float32)


def _scale(rotations: np.ndarray, strength: float, about: str) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_matrix(rotations)
    reference = turns.mean() if about == "mean" else Rotation.identity()
    return (reference * Rotation.from_rotvec((reference.inv() * turns).as_rotvec() * strength)).as_matrix()


def _head_rotations(transforms: np.ndarray) -> np.ndarray:
    """[T, 3, 3] how the head is turned before a frontal camera, of world-to-view [T, 3, 4] for row vectors."""
    return (transforms[..., :3] @ FRONTAL_ROTATION).swapaxes(-1, -2)


def _transforms(rotations: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Undoes `_head_rotations`: world-to-view [T, 3, 4] float32 with the translation [T, 3]."""
    view = rotations.swapaxes(-1, -2) @ FRONTAL_ROTATION
    return np.concatenate([view, shift[..., None]], axis=-1).astype(np.float32)
