"""The inner lips as two curves, and what hangs between them."""

from __future__ import annotations

import numpy as np

from ...face.topology import INNER_LIPS
from .binding import Binding

LOWER_CURVE, UPPER_CURVE = INNER_LIPS[:11], (INNER_LIPS[0], *INNER_LIPS[:9:-1])
"""From the image's left corner to the right one."""
LOWER_MIDDLE, UPPER_MIDDLE = (
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
)
"""Landmarks in the middle of each lip, beside those of its curve but the corners."""


def curve(points: np.ndarray, x: np.ndarray, axis: int = 1) -> np.ndarray:
    """Height (or another axis) [N] of a lip's landmarks [11, 3] at `x` [N]."""
    order = np.argsort(points[:, 0])
    return np.interp(x, points[order, 0], points[order, axis])


def share_between(canonical: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How far points [N, 2 or 3] are from the lower lip, 0, to the upper, 1 [N]."""
    lower, upper = (curve(canonical[list(c)], points[:, 0]) for c in (LOWER_CURVE, UPPER_CURVE))
    return np.clip((points[:, 1] - lower) / np.maximum(upper - lower, 1e-3), 0, 1)


def between_lips(canonical: np.ndarray, x: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, Binding]:
    """Points [N, 3] at canonical `x` that lie by `share` 0..1 from the lower lip to the upper, and stay there."""
    controls, weights = [], []
    points = np.zeros((len(x), 3))
    for landmarks, part in ((LOWER_CURVE, 1 - share), (UPPER_CURVE, share)):
        rows = np.array(landmarks)
        rows = rows[np.argsort(canonical[rows, 0])]
        first = np.clip(np.searchsorted(canonical[rows, 0], x) - 1, 0, len(rows) - 2)
        ends = canonical[rows[first]], canonical[rows[first + 1]]
        way = np.clip((x - ends[0][:, 0]) / np.maximum(ends[1][:, 0] - ends[0][:, 0], 1e-6), 0, 1)
        for end, row, weight in zip(ends, (rows[first], rows[first + 1]), (1 - way, way), strict=True):
            controls.append(row)
            weights.append(part * weight)
            points += weights[-1][:, None] * end
    binding = Binding(np.stack(controls, 1).astype(np.int32), np.stack(weights, 1).astype(np.float32))
    return points, binding
