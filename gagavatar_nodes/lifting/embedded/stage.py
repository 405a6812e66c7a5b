"""The portrait's stage: a space fixed to the source camera, in which the torso stays and the head moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...types import FOCAL, HEAD_UNITS_PER_CM, Camera, Portrait


@dataclass(frozen=True)
class Stage:
    """Stage space: centimeters, x right, y up, z toward the source camera; the optical axis runs through x = y = 0.

    The landmark model is a weak-perspective one, the renderer is not: points leave the image along the rays of the
    published camera (focal length 12 half-widths), so that the source view shows every pixel where it was.
    """

    size: int
    """Edge of the source crop in pixels."""
    scale: float
    """Pixels per centimeter on the plane z = 0."""
    rotation: np.ndarray
    """[3, 3] of the source head."""
    translation: np.ndarray
    """[3] stage position of the canonical origin."""

    @staticmethod
    def of(portrait: Portrait) -> Stage:
        """Return the stage of a tracked portrait."""
        pose, center = portrait.pose, (portrait.size - 1) / 2
        offset = pose.translation + np.array([-center, center, 0.0])
        return Stage(portrait.size, float(pose.scale), np.asarray(pose.rotation, float), offset / pose.scale)

    @property
    def distance(self) -> float:
        """Centimeters from the camera to the plane z = 0."""
        return FOCAL * self.size / 2 / self.scale

    def camera(self) -> Camera:
        """Return the source camera, in head units."""
        return Camera.frontal(self.distance * HEAD_UNITS_PER_CM)

    def unproject(self, pixels: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Stage points [N, 3] on the rays of `pixels` [N, 2] at the heights `z` [N]."""
        center = (self.size - 1) / 2
        reach = (1 - z / self.distance) / self.scale
        return np.stack([(pixels[:, 0] - center) * reach, (center - pixels[:, 1]) * reach, z], 1)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels x, y and stage z [N, 3] of stage points [N, 3]."""
        center = (self.size - 1) / 2
        reach = self.scale / (1 - points[:, 2] / self.distance)
        return np.stack([center + points[:, 0] * reach, center - points[:, 1] * reach, points[:, 2]], 1)

    def to_canonical(self, points: np.ndarray) -> np.ndarray:
        """Canonical positions [N, 3] of stage points of the source head."""
        return (points - self.translation) @ self.rotation

    def from_canonical(self, points: np.ndarray) -> np.ndarray:
        """Stage positions [N, 3] of canonical points of the source head."""
        return points @ self.rotation.T + self.translation
