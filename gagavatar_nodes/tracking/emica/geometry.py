"""Rotations, cameras and boxes as the published tracker writes them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ...types import FOCAL

IMAGE = 512
"""Edge of the tracked crop in pixels."""


def rotation_from_6d(rows: Tensor) -> Tensor:
    """[..., 6], the first two rows of a rotation (Zhou et al. 2019) -> [..., 3, 3], orthonormalized."""
    first = normalize(rows[..., :3], dim=-1)
    second = rows[..., 3:] - (first * rows[..., 3:]).sum(-1, keepdim=True) * first
    second = normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -2)


def rotation_to_6d(rotation: Tensor) -> Tensor:
    """[..., 3, 3] -> [..., 6], see `rotation_from_6d`."""
    return rotation[..., :2, :].flatten(-2)


def project(points: Tensor, rotation: Tensor, translation: Tensor, focal: float = FOCAL, size: int = IMAGE) -> Tensor:
    """Pixels [B, N, 2] of head-space `points` [B, N, 3] in cameras `p @ R + t`: R [B, 3, 3], t [B, 3].

    Pixels are continuous: the picture spans 0..`size`, its center is `size / 2`. `focal` is in half-widths.
    """
    view = points @ rotation + translation[:, None]
    return size / 2 * (1 - focal * view[..., :2] / view[..., 2:])


def suppress(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """Return the indices of the boxes [N, 4] (left, top, right, bottom) that stay, best score first.

    Each removes those that it overlaps by more than `overlap` (intersection over union).
    """
    order = np.argsort(-scores, kind="stable")
    area = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(1)
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = (high - low).clip(0).prod(1)
        order = rest[shared <= overlap * (area[best] + area[rest] - shared)]
    return np.array(kept, int)


def smooth(values: np.ndarray, share: float) -> np.ndarray:
    """Exponential smoothing over the first axis: `share` of the new value, the rest of the smoothed past."""
    smoothed = np.asarray(values).astype(np.float64)
    for t in range(1, len(smoothed)):
        smoothed[t] = share * smoothed[t] + (1 - share) * smoothed[t - 1]
    return smoothed
