"""Shows a fitted FLAME on the frames it was fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...types import Motion
from ..opencv import opencv
from .face_model import project
from .fit import flame_square, motion_landmarks

if TYPE_CHECKING:
    from ...heads.flame import Flame

_MESH, _FITTED, _DETECTED = (96, 176, 96), (255, 64, 64), (255, 255, 0)
_MESH_SHARE = 0.6  # of the mesh's color in what is drawn: the frame stays visible
_SUBPIXEL_BITS = 4


class FlameOverlay:
    """Draws the mesh that faces the camera, and the fitted (red) over the tracked landmarks (yellow)."""

    def __init__(self, flame: Flame, motion: Motion, squares: Sequence[tuple[np.ndarray, float]] | None = None) -> None:
        """Take a motion with the FLAME codes that `fit_motion` gave it, or another tracker.

        Of another one, `squares` are its cameras' images, one a frame, as `flame_square` describes them; then there
        are no tracked landmarks.
        """
        if motion.flame is None:
            raise ValueError("the motion has no FLAME codes")
        self._flame, self._codes = flame, motion.flame
        self._squares = [flame_square(motion)] * len(motion) if squares is None else squares
        self._tracked = motion_landmarks(motion)[..., :2] if squares is None else np.zeros((len(motion), 0, 2))
        self._triangles = flame.faces.cpu().numpy()

    def __call__(self, index: int, frame: np.ndarray) -> np.ndarray:
        """Return a copy of a frame [H, W, 3] uint8 RGB of the motion, drawn upon."""
        canvas, cv2 = frame.copy(), opencv()
        vertices, landmarks = self.project(index)
        shown = self._pixels(vertices, frame.shape)
        corners = shown[self._triangles]
        a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        facing = corners[a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < 0]
        cv2.polylines(canvas, list(_fixed_point(facing)), True, _MESH, 1, cv2.LINE_AA, _SUBPIXEL_BITS)
        canvas = cv2.addWeighted(canvas, _MESH_SHARE, frame, 1 - _MESH_SHARE, 0)
        radius = max(1, round(frame.shape[0] / 400))
        for points, color, size in ((self._tracked[index], _DETECTED, 2 * radius), (landmarks, _FITTED, radius)):
            for point in _fixed_point(self._pixels(points, frame.shape)).tolist():
                cv2.circle(canvas, point, size << _SUBPIXEL_BITS, color, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
        return canvas

    def project(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Vertices [V, 2] and landmarks [70, 2] of a frame, in picture heights from the picture's center."""
        import torch

        codes = self._codes
        shape = codes.shape if codes.shape.ndim == 1 else codes.shape[index]
        device = self._flame.template.device
        values = (shape, codes.expression[index], codes.jaw[index], codes.eyes[index])
        with torch.no_grad():
            vertices = self._flame(*(torch.from_numpy(np.asarray(v, np.float32)[None]).to(device) for v in values))
            heads = (vertices[0].cpu().numpy(), self._flame.landmarks(vertices)[0].cpu().numpy())
        R, t = codes.transform[index, :, :3], codes.transform[index, :, 3]
        center, half = self._squares[index]
        vertices, landmarks = (project(points @ R + t) * half + center for points in heads)
        return vertices, landmarks

    @staticmethod
    def _pixels(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return points * shape[0] + (np.array([shape[1], shape[0]]) - 1) / 2


def _fixed_point(points: np.ndarray) -> np.ndarray:
    return np.round(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
