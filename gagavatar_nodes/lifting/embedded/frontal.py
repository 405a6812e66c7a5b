"""The head in a view from its front: where canonical points are, and how far from an outline."""

from __future__ import annotations

import cv2
import numpy as np

from .pixels import whole_pixels

FRONT_SIZE = 256
"""Pixels of a side of the view."""
_SCALE = 8.0  # pixels of a centimeter


def from_front(points: np.ndarray) -> np.ndarray:
    """Pixels x, y and z in centimeters [N, 3] of canonical points [N, 3] in the view."""
    return points * [_SCALE, -_SCALE, 1] + [FRONT_SIZE / 2, FRONT_SIZE / 2, 0]


def distance_to(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """[N] centimeters from points [N, 3] to what canonical corners [K, 3] enclose, 0 inside of it."""
    corners = np.round(from_front(outline)[:, :2]).astype(np.int32)
    line = cv2.fillPoly(np.ones((FRONT_SIZE,) * 2, np.uint8), [corners], 0)
    column, row = whole_pixels(from_front(points)[:, :2], FRONT_SIZE)
    distance: np.ndarray = cv2.distanceTransform(line, cv2.DIST_L2, 5)[row, column] / _SCALE
    return distance
