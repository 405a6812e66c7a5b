"""Where the head is in a crop, hair aside."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..face.pose import project, solve_pose
from ..heads.canonical import canonical_face
from ..heads.cc0 import SKIN, head_mesh
from ..heads.similarity import similarity
from .opencv import opencv

_BROW = 105
"""Landmark in the middle of a brow."""
_SHRINK = 0.88
"""Keeps the outline inside of heads smaller than the bundled one."""


def head_outline(landmarks: np.ndarray) -> np.ndarray:
    """Convex outline [N, 2] in pixels of cranium and face, a little shrunk, for landmarks [478, 3] in pixels."""
    pose, _ = solve_pose(landmarks)
    skull = project(pose, _skull())[:, :2]
    points = np.concatenate([skull, landmarks[:468, :2]]).astype(np.float32)
    hull = opencv().convexHull(points)[:, 0]
    center = (hull.min(0) + hull.max(0)) / 2
    return center + (hull - center) * _SHRINK


@cache
def _skull() -> np.ndarray:
    """[N, 3] skin of the bundled head above the brows, and so without ears, on the canonical face, centimeters."""
    head, face = head_mesh(), canonical_face()
    skin = np.unique(head.triangles[head.parts == SKIN])
    scale, R, translation = similarity(head.landmarks(head.vertices), face.vertices, face.pose_weights)
    vertices = scale * head.vertices[skin] @ R.T + translation
    return vertices[vertices[:, 1] > face.vertices[_BROW, 1]]
