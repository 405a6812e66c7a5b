"""How far a portrait's head turns for a driver's: as the driver's, or from the portrait's own pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..choices import POSES
from ..easing import smoothstep
from ..errors import GagavatarError
from ..face.pose import yaw_pitch_roll

_NOISE = 1.5  # degrees around the reference within which its noise is taken away
_TURNED = (12.0, 28.0)  # degrees over which a portrait goes over from absolute to relative
_PITCH_SHARE = 0.5  # a nod hides less of a face than a turn
_FREE, _MOST = (32.0, 9.0), (45.0, 18.0)  # degrees from the portrait's own pose, absolute and relative: followed
# exactly up to the first, bounded by the second


@dataclass(frozen=True)
class HeadTurn:
    """The rotation of a portrait's head for a driver's."""

    own: np.ndarray
    """[3, 3] the portrait's rotation."""
    offset: np.ndarray
    """[3, 3] what follows the driver's rotation."""
    free: float = np.inf
    """Radians from `own` up to which the driver is followed exactly."""
    most: float = np.inf
    """Radians from `own` that are never exceeded."""
    reference: np.ndarray | None = None
    """[3, 3] the driver's rotation about which `noise` counts."""
    noise: np.ndarray | None = None
    """[3, 3] what the tracker's noise made of it."""

    @staticmethod
    def of(pose: str, own: np.ndarray, reference: np.ndarray, same: float | None = None) -> HeadTurn:
        """Return the turn for one of `POSES`.

        Args:
            pose: one of `POSES`.
            own: [3, 3] the portrait's rotation.
            reference: [3, 3] the driver's rotation that corresponds to it.
            same: where driver and portrait are one person, 0..1 how sure it is that the reference is the portrait's
                moment, so that `reference` and `own` differ by the tracker's noise alone.

        Raises:
            GagavatarError: there is no such pose.
        """
        if pose not in POSES:
            raise GagavatarError(f"There is no pose '{pose}': choose one of {', '.join(POSES)}")
        share = {"absolute": 0.0, "relative": 1.0}.get(pose, _share_of_relative(own))
        free, most = np.inf, np.inf
        if pose == "auto":
            free, most = (np.radians((1 - share) * a + share * b) for a, b in (_FREE, _MOST))
        between = reference.T @ own
        if same is None:
            return HeadTurn(own, _scale_rotation(between, share), free, most)
        return HeadTurn(own, np.eye(3), free, most, reference, _scale_rotation(between, same))

    def __call__(self, rotation: np.ndarray) -> np.ndarray:
        """Rotation [3, 3] float64 of the portrait's head for the driver's."""
        turned = rotation.astype(np.float64) @ self.offset
        if self.reference is not None and self.noise is not None:
            turned = turned @ _scale_rotation(
                self.noise, np.exp(-((angle_between(rotation, self.reference) / _NOISE) ** 2))
            )
        change = turned @ self.own.T
        angle = np.arccos(np.clip((np.trace(change) - 1) / 2, -1, 1))
        if angle <= self.free:
            return turned
        room = self.most - self.free
        return _scale_rotation(change, (self.free + room * np.tanh((angle - self.free) / room)) / angle) @ self.own


def angle_between(one: np.ndarray, other: np.ndarray) -> float:
    """Degrees by which two rotations [3, 3] differ."""
    return float(np.degrees(np.arccos(np.clip((np.trace(one.T @ other) - 1) / 2, -1, 1))))


def mean_rotation(rotations: np.ndarray) -> np.ndarray:
    """Return the rotation [3, 3] nearest to all of [T, 3, 3] in the chordal sense."""
    U, _, Vt = np.linalg.svd(rotations.astype(np.float64).mean(0))
    return U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt


def _share_of_relative(own: np.ndarray) -> float:
    """0 for a portrait that faces the camera to 1 for one that is turned far."""
    yaw, pitch, _ = np.degrees(yaw_pitch_roll(own))
    start, end = _TURNED
    return float(smoothstep((np.hypot(yaw, _PITCH_SHARE * pitch) - start) / (end - start)))


def _scale_rotation(rotation: np.ndarray, share: float) -> np.ndarray:
    """Return a share of a rotation [3, 3], about the same axis."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(share * Rotation.from_matrix(rotation).as_rotvec()).as_matrix()
