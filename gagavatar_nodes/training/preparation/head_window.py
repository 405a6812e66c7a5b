"""The square around a head that becomes a crop, moving with it without trembling."""

from __future__ import annotations

from functools import cache

import numpy as np

from ...face.pose import project, solve_pose
from ...heads.canonical import canonical_face
from ...heads.cc0 import SKIN, head_mesh
from ...heads.similarity import similarity

SCALE = 1.65
"""Edge of the crop over the geometric mean of the head box's edges, as published (`engines/engine_core.py`)."""
NEW_BOX = 0.03
"""Share of the new frame in the smoothed head box, as published."""
_CHIN = 152


def head_box(landmarks: np.ndarray) -> np.ndarray:
    """[4] left, top, right, bottom in pixels of the head, hair aside, with landmarks [478, 3] in pixels.

    The published detector's box holds the head from the top of the skull to the chin; this is the bundled head's,
    brought to the landmarks.
    """
    pose, _ = solve_pose(landmarks)
    points = np.concatenate([project(pose, _head())[:, :2], landmarks[:468, :2]])
    return np.concatenate([points.min(0), points.max(0)])


class HeadWindow:
    """Left, top and edge of the crops of one head through a shot."""

    def __init__(self) -> None:
        self._box: np.ndarray | None = None

    def move(self, box: np.ndarray) -> tuple[int, int, int]:
        """Return the square in whole pixels after the next frame's head box [4]."""
        self._box = box if self._box is None else NEW_BOX * box + (1 - NEW_BOX) * self._box
        center, edge = (self._box[:2] + self._box[2:]) / 2, np.sqrt((self._box[2:] - self._box[:2]).prod()) * SCALE
        edge = max(2, round(float(edge)))
        left, top = np.round(center - edge / 2).astype(int)
        return int(left), int(top), edge


@cache
def _head() -> np.ndarray:
    """[N, 3] skin of the bundled head above the chin on the canonical face, centimeters."""
    head, face = head_mesh(), canonical_face()
    skin = np.unique(head.triangles[head.parts == SKIN])
    scale, R, translation = similarity(head.landmarks(head.vertices), face.vertices, face.pose_weights)
    vertices = scale * head.vertices[skin] @ R.T + translation
    return vertices[vertices[:, 1] > face.vertices[_CHIN, 1]]
