"""Head pose from landmarks: weighted Procrustes against the canonical face."""

from __future__ import annotations

import numpy as np

from ..heads.canonical import canonical_face
from ..heads.similarity import similarities
from ..types import HeadPose

_FLIP = np.array([1.0, -1.0, -1.0])
"""Between landmarks (y down, z away) and canonical directions (y up, z to the viewer)."""
NECK_PIVOT = np.array([0.0, -9.0, -4.5])
"""Canonical point about which a head turns, between the upper neck vertebrae, centimeters."""


def solve_pose(points: np.ndarray) -> tuple[HeadPose, np.ndarray]:
    """Pose of one face from its landmarks [478, 3] in pixels, and the landmarks taken back by it [478, 3] in cm."""
    scales, rotations, translations, canonical = solve_poses(points[None])
    return HeadPose(float(scales[0]), rotations[0], translations[0]), canonical[0].astype(np.float32)


def solve_poses(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Least-squares similarities of T faces (Umeyama 1991, eqs. 39-43), with the canonical face's 33 point weights.

    Args:
        points: [T, 478, 3] landmarks in pixels, z away from the camera.

    Returns:
        Scales [T] in pixels per centimeter, rotations [T, 3, 3] and translations [T, 3] as in `HeadPose`, and the
        landmarks without them [T, 478, 3] in centimeters, all float64.
    """
    face = canonical_face()
    used = np.flatnonzero(face.pose_weights)
    observed = np.asarray(points, np.float64) * _FLIP
    scales, R, translations = similarities(face.vertices[used], observed[:, used], face.pose_weights[used])
    canonical = (observed - translations[:, None]) @ R / scales[:, None, None]
    return scales, R, translations, canonical


def project(pose: HeadPose, canonical: np.ndarray) -> np.ndarray:
    """Canonical points [..., 3] in cm to pixels [..., 3], z away from the camera; undoes `solve_pose`."""
    return (pose.scale * canonical @ pose.rotation.T + pose.translation) * _FLIP


def yaw_pitch_roll(rotation: np.ndarray) -> np.ndarray:
    """[..., 3] radians of rotations [..., 3, 3] = Ry(yaw) Rx(pitch) Rz(roll).

    Yaw > 0 turns the face to the image's right, pitch > 0 down, roll > 0 counter-clockwise in the picture.
    """
    R = np.asarray(rotation)
    yaw = np.arctan2(R[..., 0, 2], R[..., 2, 2])
    pitch = np.arctan2(-R[..., 1, 2], np.hypot(R[..., 0, 2], R[..., 2, 2]))
    roll = np.arctan2(R[..., 1, 0], R[..., 1, 1])
    return np.stack([yaw, pitch, roll], axis=-1)
