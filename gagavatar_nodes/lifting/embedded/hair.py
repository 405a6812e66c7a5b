"""Hair as a closed surface: the fitted head, its scalp moved out to where the matte and the front's depth have hair."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ...easing import smoothstep
from ...face.topology import CHIN, FOREHEAD
from ...types import Portrait
from .cut import cut_off
from .depth import FrontDepth
from .head_fit import skin_triangles
from .mesh import vertex_normals
from .pixels import whole_pixels
from .stage import Stage

EARS = (234, 454)
"""Landmarks before the ears."""

SIDE_CM = 4.0
"""From the middle to where the sides of a head begin."""

_INWARD = 0.5  # cosine to the middle of what is an ear's inner side
_TURNED_AWAY = 0.3  # sine of the turn from which on the far ear is not seen
_NAPE_CM = (2.5, 9.0)  # heights over the chin between which the hair of the nape begins
_EDGE_ON = 0.25  # cosine to the camera up to which a point of the head is on its outline
_STEP_CM, _THICKEST_CM = 0.25, 6.0
_OVER_EARS_CM, _EAR_CM = (1.0, 2.4), 0.5
_NEAREST, _SMOOTH_CM = 48, 1.5


def grow_hair(head: np.ndarray, portrait: Portrait, stage: Stage, depth: FrontDepth) -> np.ndarray:
    """Vertices [V, 3] of the fitted head `head`, its scalp grown to the portrait's hair.

    How thick hair is at the head's outline is seen in the matte; over the back of the head it is as at the outline near
    it, so that head and hair are one closed surface from every side.
    """
    head = _without_hidden_ears(head, portrait, stage)
    used = np.unique(outer_triangles(head))
    normals = vertex_normals(head, outer_triangles(head))[used]
    points, scalp = head[used], _scalp(head, portrait)[used]
    facing = normals @ stage.rotation[2]
    outline = np.flatnonzero((np.abs(facing) < _EDGE_ON) & (scalp > 0.1))
    if not len(outline):
        return head
    thickness, seen, told = _outside(points[outline], normals[outline], portrait, stage, depth)
    if seen.any() and not seen.all():  # what the picture cuts off is at least as thick as what it shows of it
        beside = _near_mean(points[outline[~seen]], points[outline[seen]], thickness[seen])
        thickness[~seen] = np.maximum(thickness[~seen], beside)
    told = told if told.any() else ~told
    spread = _near_mean(points, points[outline[told]], thickness[told])
    front = np.flatnonzero((facing >= _EDGE_ON) & (scalp > 0.1))
    if len(front):
        staged = stage.from_canonical(points[front])
        column, row = whole_pixels(stage.project(staged)[:, :2], portrait.size)
        before = np.clip((depth.z[row, column] - staged[:, 2]) * facing[front], 0, _THICKEST_CM)
        shown = _near_mean(points, points[[*outline, *front]], np.concatenate([thickness, before]))
        # The front's shell is thicker than hair on the back, of which the outline alone tells.
        spread += smoothstep((facing / _EDGE_ON + 1) / 2) * (shown - spread)
    grown = head.copy()
    # What the portrait hides lies inside of the matte as well.
    _, room = _inside(points, normals, stage, depth)
    spread = np.minimum(spread, _STEP_CM * room.sum(0))
    spread = np.minimum(spread, _near_mean(points, points, spread))
    grown[used] += (scalp * spread)[:, None] * normals
    return grown


def outer_triangles(head: np.ndarray) -> np.ndarray:
    """Triangles [F, 3] of the skin of a head [V, 3] without the inner sides of ears, and of an ear laid to the head."""
    triangles = skin_triangles()
    corners = head[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    x = corners[..., 0].mean(1)
    inward = -np.sign(x) * normals[:, 0] > _INWARD * np.linalg.norm(normals, axis=1)
    return triangles[~(inward & (np.abs(x) > SIDE_CM))]


def _without_hidden_ears(head: np.ndarray, portrait: Portrait, stage: Stage) -> np.ndarray:
    """Lay an ear that the portrait does not show to the head: nothing tells where it is and what covers it."""
    low, high = _skull_sides(head, portrait)
    aside = stage.rotation[2, 0]
    x = np.clip(head[:, 0], low if aside > _TURNED_AWAY else None, high if aside < -_TURNED_AWAY else None)
    return np.column_stack([x, head[:, 1:]])


def _skull_sides(head: np.ndarray, portrait: Portrait) -> tuple[float, float]:
    """Least and greatest x of the skull over the ears."""
    skull = head[head[:, 1] > portrait.canonical[FOREHEAD, 1] - 2, 0]
    return float(skull.min()), float(skull.max())


def _scalp(head: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[N] `scalp_weight` of the bare head's vertices, less on the ears."""
    low, high = _skull_sides(head, portrait)
    ear = np.maximum(low - head[:, 0], head[:, 0] - high) / _EAR_CM
    weight: np.ndarray = scalp_weight(head, portrait) * np.clip(1 - ear, 0, 1)
    return weight


def scalp_weight(points: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[N] 0..1 where on the head [N, 3] hair grows: over the forehead and behind the ears, above the nape."""
    marks = portrait.canonical
    above = smoothstep((points[:, 1] - marks[FOREHEAD, 1] + 0.5) / 2)
    behind = smoothstep((marks[list(EARS), 2].mean() - 1.0 - points[:, 2]) / 3)
    low, high = _NAPE_CM
    nape = smoothstep((points[:, 1] - marks[CHIN, 1] - low) / (high - low))
    weight: np.ndarray = np.maximum(above, behind) * nape
    return weight


def _outside(
    points: np.ndarray, normals: np.ndarray, portrait: Portrait, stage: Stage, depth: FrontDepth
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[N] centimeters from points on the head's outline [N, 3] along their normals to the edge of the matte.

    And [N] whether the picture shows that edge, and does not cut it off, and [N] whether no ear covers it.

    An ear that stands off is no hair, unless hair reaches farther than it.
    """
    (column, row), inside = _inside(points, normals, stage, depth)
    cut = cut_off(portrait)[row, column].reshape(inside.shape) & inside
    bare = np.cumprod(depth.bare[row, column].reshape(inside.shape), axis=0)
    hair, ear = _STEP_CM * (inside & ~cut).sum(0), _STEP_CM * bare.sum(0)
    low, high = _OVER_EARS_CM
    over = np.clip((hair - ear - low) / (high - low), 0, 1)
    return np.where(ear < _EAR_CM, hair, hair * over), ~cut.any(0), (ear < _EAR_CM) | (over > 0)


def _inside(points: np.ndarray, normals: np.ndarray, stage: Stage, depth: FrontDepth) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [2, K * N] of K steps from points [N, 3] along their normals, and [K, N] whether they are in the matte.

    All steps up to that one are.
    """
    steps = np.arange(0, _THICKEST_CM, _STEP_CM)
    ways = points + steps[:, None, None] * normals
    pixels = stage.project(stage.from_canonical(ways.reshape(-1, 3)))[:, :2]
    column, row = whole_pixels(pixels, len(depth.matte))
    inside = np.cumprod((depth.matte[row, column] > 0.5).reshape(len(steps), -1), axis=0)
    return np.stack([column, row]), inside


def _near_mean(points: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    distance, nearest = cKDTree(known).query(points, k=min(_NEAREST, len(known)))
    share = 1 / (distance**2 + _SMOOTH_CM**2)
    mean: np.ndarray = (values[nearest] * share).sum(1) / share.sum(1)
    return mean
