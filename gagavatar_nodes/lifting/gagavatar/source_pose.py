"""Cameras for motions that bring none: the head moves as it does for the embedded avatar, from the portrait's place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...driving.retarget import Retargeter
from ...face.arkit_flame import IBUG_68
from ...face.pose import NECK_PIVOT
from ...types import FRONTAL_ROTATION, HEAD_UNITS_PER_CM, Portrait

_INNER_FACE = slice(17, 68)  # of the 68 landmarks: the outline slides on the skin


@dataclass(frozen=True)
class SourcePose:
    """Where the portrait has its head, by the landmark model and by FLAME."""

    camera: np.ndarray
    """[3, 4] world-to-view of the portrait."""
    rotation: np.ndarray
    """[3, 3] the portrait's `HeadPose.rotation`."""
    canonical: np.ndarray
    """[478, 3] its canonical landmarks, centimeters."""
    pivot: np.ndarray
    """[3] the neck's pivot in FLAME's space, head units."""

    @staticmethod
    def of(portrait: Portrait, camera: np.ndarray, landmarks: np.ndarray) -> SourcePose:
        """The place of a portrait with the camera [3, 4] and the landmarks [70, 3] (head units) of its FLAME fit."""
        R = np.asarray(portrait.pose.rotation, np.float64)
        inner = list(IBUG_68[_INNER_FACE])  # type: ignore[call-overload]
        offset = R @ (NECK_PIVOT - portrait.canonical[inner].mean(0)) * HEAD_UNITS_PER_CM
        pivot = landmarks[_INNER_FACE].mean(0) + _head_rotation(camera).T @ offset
        return SourcePose(np.asarray(camera), R, portrait.canonical, pivot)

    def cameras(self, source: Retargeter) -> np.ndarray:
        """[T, 3, 4] float32 world-to-view: the head turned as the driver's is, moved and sized from its reference.

        In the portrait's own pose the camera is the portrait's.
        """
        aligned = self.rotation.T @ _head_rotation(self.camera)
        stands = self.pivot @ self.camera[:, :3] + self.camera[:, 3]
        cameras = np.empty((len(source.motion), 3, 4), np.float32)
        for index in range(len(cameras)):
            placement = source.placement(index)
            R = (placement.rotation @ aligned).T @ FRONTAL_ROTATION
            moved = stands + placement.shift * [-HEAD_UNITS_PER_CM, HEAD_UNITS_PER_CM, 0]
            cameras[index, :, :3] = R
            cameras[index, :, 3] = moved / placement.scale - self.pivot @ R
        return cameras

    def with_fixed_place(self, cameras: np.ndarray) -> np.ndarray:
        """[T, 3, 4] cameras with the portrait's translation, as ARTalk's publication has them.

        The head turns absolutely, not from the portrait's own pose.
        """
        moved = cameras.copy()
        moved[..., 3] = self.camera[:, 3]
        return moved


def _head_rotation(camera: np.ndarray) -> np.ndarray:
    """[3, 3] how the head is turned before a frontal camera."""
    return (np.asarray(camera, np.float64)[:, :3] @ FRONTAL_ROTATION).T
