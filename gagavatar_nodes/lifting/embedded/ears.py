"""Ears: how light falls into their folds, for ears that the portrait does not show."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from ...easing import smoothstep
from ...face.topology import CHIN, FOREHEAD
from ...heads.cc0 import head_mesh
from .head_fit import skin_triangles
from .mesh import rasterize_mesh, vertex_normals
from .pixels import whole_pixels

_DIRECTIONS, _PIXELS = 32, 96  # of light, and edge of the view from each
_ABOVE, _BEFORE = 0.5, 0.5  # how much more light comes from there
_DEEPER = 0.02  # heights of the ear: what lies deeper than the nearest surface by so much is in the shade
_WIDTH = 0.25  # half of an ear's depth, in heights
_ENDS, _SHADED = 0.2, 0.6  # shares of its outline over which it ends, and beyond which it casts no shade
_AROUND, _MOST = 0.35, 160  # heights of the ear that its folds are finer than, and vertices there
_BRIGHTEST = 1.15
_NEAREST = 3
_ENOUGH, _COVERED = 0.3, (0.5, 0.62)  # shares of an ear: to tell what covers it, and of hair over one that is covered


def on_ears(points: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what points [N, 3] of a fitted head [V, 3] have of its ears.

    Returns:
        [N] 0..1 whether they lie on an ear, and [N] the light on them over that on a head without folds.
    """
    rows, ear, light = _folds()
    distance, nearest = cKDTree(head[rows]).query(points, k=_NEAREST)
    share = 1 / np.maximum(distance, 1e-6)
    ear, light = ((values[nearest] * share).sum(1) / share.sum(1) for values in (ear, light))
    return ear, light


def hair_over_ears(points: np.ndarray, ear: np.ndarray, shown: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """[N] 0..1 whether hair covers the ear on each point's side; if that one is not shown, whether it covers the other.

    Args:
        points: [N, 3] of the head.
        ear: [N] 0..1, from `on_ears`.
        shown: [N] 0..1 whether the portrait shows that place of the head.
        hair: [N] 0..1 whether it shows hair there.
    """
    sides = np.array([points[:, 0] < 0, points[:, 0] >= 0], float)
    share = sides @ (ear * shown) / np.maximum(sides @ ear, 1e-6)
    covered = sides @ (ear * shown * hair) / np.maximum(sides @ (ear * shown), 1e-6)
    covered += (1 - np.clip(share / _ENOUGH, 0, 1)) * (np.average(covered, weights=share + 1e-6) - covered)
    low, high = _COVERED
    over: np.ndarray = smoothstep((covered - low) / (high - low)) @ sides
    return over


@cache
def _folds() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices [K] of the bundled head's skin, whether they are an ear's [K], and the light that reaches them [K]."""
    triangles, points = skin_triangles(), head_mesh().vertices
    rows = np.unique(triangles)
    far, height = _from_ears(points)
    ear, shaded = smoothstep((1 - far) / _ENDS), smoothstep(1 - (far - 1) / _SHADED)
    normals = vertex_normals(points, triangles)
    tree, padded = cKDTree(points[rows]), np.vstack([normals[rows], np.zeros(3)])
    _, around = tree.query(points[rows], k=_MOST, distance_upper_bound=_AROUND * height)
    smooth = padded[around].sum(1)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-9)
    near = triangles[(shaded[triangles] > 0).any(1)]
    folded, even = np.zeros((2, len(rows)))
    for way in _sphere(_DIRECTIONS):
        strength = 1 + _ABOVE * way[1] + _BEFORE * way[2]
        folded += strength * np.clip(normals[rows] @ way, 0, None) * _reached(points, near, way, height)[rows]
        even += strength * np.clip(smooth @ way, 0, None)
    light = folded / np.maximum(even, 1e-9)
    return rows, ear[rows], 1 + shaded[rows] * (np.clip(light, 0, _BRIGHTEST) - 1)


def _from_ears(points: np.ndarray) -> tuple[np.ndarray, float]:
    """[V] 1 at the outline of the bundled head's ears [V, 3], less within it, and the ears' height."""
    marks = head_mesh().landmarks(points)
    skull = np.abs(points[points[:, 1] > marks[FOREHEAD, 1], 0]).max()
    ears = points[(np.abs(points[:, 0]) > skull) & (points[:, 1] > marks[CHIN, 1])]
    middle, height = (ears.min(0) + ears.max(0)) / 2, float(np.ptp(ears[:, 1]))
    far = np.hypot((points[:, 1] - middle[1]) / (0.5 * height), (points[:, 2] - middle[2]) / (_WIDTH * height))
    return np.where(np.abs(points[:, 0]) > skull / 2, far, np.inf), height


def _reached(points: np.ndarray, triangles: np.ndarray, way: np.ndarray, height: float) -> np.ndarray:
    """[V] bool: light from the direction `way` [3] reaches the points [V, 3], past the triangles [F, 3]."""
    side = np.cross(way, [0.3, 0.9, 0.31])
    side /= np.linalg.norm(side)
    seen = points @ np.stack([side, np.cross(way, side), way], 1)
    low = seen[triangles].min((0, 1))
    scale = (_PIXELS - 1) / np.ptp(seen[triangles][..., :2], axis=(0, 1)).max()
    pixels = np.column_stack([(seen - low)[:, :2] * scale, seen[:, 2]])
    _, _, front = rasterize_mesh(pixels, triangles, _PIXELS, _PIXELS)
    column, row = whole_pixels(pixels[:, :2], _PIXELS)
    return pixels[:, 2] > front[row, column] - _DEEPER * height


def _sphere(count: int) -> np.ndarray:
    """[count, 3] directions spread evenly, along a spiral."""
    height = 1 - (2 * np.arange(count) + 1) / count
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    around = np.sqrt(1 - height**2)
    return np.column_stack([around * np.cos(turn), height, around * np.sin(turn)])
