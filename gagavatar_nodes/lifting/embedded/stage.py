"""The portrait's stage: a space fixed to the source camera, in which the torso stays and the head moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...driving.retarget import HeadPlacement
from ...face.pose import NECK_PIVOT
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

    def project_weakly(self, points: np.ndarray) -> np.ndarray:
        """Pixels [N, 2] of stage points [N, 3] without perspective, as the landmark model sees them."""
        return (self.size - 1) / 2 + points[:, :2] * [self.scale, -self.scale]

    def to_canonical(self, points: np.ndarray) -> np.ndarray:
        """Canonical positions [N, 3] of stage points of the source head."""
        return (points - self.translation) @ self.rotation

    def from_canonical(self, points: np.ndarray) -> np.ndarray:
        """Stage positions [N, 3] of canonical points of the source head."""
        return points @ self.rotation.T + self.translation

    def head_motion(self, placement: HeadPlacement) -> tuple[np.ndarray, np.ndarray]:
        """Matrix [3, 3] and offset [3] that take canonical points of the head to the stage."""
        pivot = self.from_canonical(NECK_PIVOT[None])[0] + placement.shift
        turn = placement.scale * placement.rotation
        return turn, pivot - turn @ NECK_PIVOT

    def foreshortening(self, points: np.ndarray, placement: HeadPlacement) -> np.ndarray:
        """Canonical offsets [N, 3] by which canonical points [N, 3] are seen where a weak perspective has them."""
        turn, offset = self.head_motion(placement)
        placed = points @ turn.T + offset
        placed *= -placed[:, 2:] / self.distance
        placed[:, 2] = 0
        return placed @ placement.rotation / placement.scale
