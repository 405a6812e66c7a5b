"""Hidden surfaces cut to what the portrait shows: inside of the matte, behind the front layer."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from ...types import Portrait
from .depth import FrontDepth
from .lattice import opaque_core
from .pixels import whole_pixels
from .stage import Stage

_UNDER_CM = 0.1  # at least, from the front layer
_DRAWN_IN_CM = 0.6  # by so much, and faded out over as much again
_LEFT_CM = 0.3  # how far anything may remain outside
_SMOOTHED_OVER, _SMOOTHED = 12, 4  # neighbors and rounds


def carve(
    points: np.ndarray, portrait: Portrait, stage: Stage, depth: FrontDepth, reach: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw points [N, 3] in to where the matte has the person, and behind the front layer.

    Also returns how far each may be shown [N]. Splats reach `reach` centimeters: none may fill the matte's soft edge.
    The fitted head is wider than some necks and jaws. What lies far outside of the matte is not there.
    """
    staged = stage.from_canonical(points)
    pixels = stage.project(staged)[:, :2]
    inside = opaque_core(depth.matte, float(np.mean(reach)) * stage.scale)
    distance, nearest = distance_transform_edt(~inside, return_indices=True)
    u, v = whole_pixels(pixels, portrait.size)
    outside = np.maximum(distance[v, u] / stage.scale - reach, 0)
    way = np.where(distance[v, u, None] > 0, nearest[::-1, v, u].T - pixels, 0)
    _, around = cKDTree(points).query(points, k=_SMOOTHED_OVER)
    for _ in range(_SMOOTHED):  # each alone would leave a ragged edge
        way = way[around].mean(1)
    pixels = pixels + way
    u, v = whole_pixels(pixels, portrait.size)
    back = np.minimum(depth.z[v, u] - _UNDER_CM - staged[:, 2], 0)
    smooth = back
    for _ in range(_SMOOTHED):
        smooth = smooth[around].mean(1)
    back = np.where(depth.face[v, u] >= 0, np.minimum(back, smooth), smooth)
    carved = stage.unproject(pixels, staged[:, 2] + back)
    left = np.maximum(distance[v, u] / stage.scale - reach, 0)
    return stage.to_canonical(carved), np.clip(2 - outside / _DRAWN_IN_CM, 0, 1) * np.clip(1 - left / _LEFT_CM, 0, 1)
