"""Shows what was tracked, on the frame it was tracked in."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..face.pose import project, solve_pose
from ..face.topology import EYE_RINGS, FACE_OVAL, INNER_LIPS, IRISES
from ..heads.canonical import canonical_face
from .face_mesh import Landmarks
from .opencv import opencv

_MESH, _CONTOUR, _IRIS, _POINT = (96, 176, 96), (255, 255, 255), (64, 224, 255), (64, 255, 64)
_BOX, _BRIDGED = (255, 200, 0), (255, 64, 64)
_AXES = ((255, 64, 64), (64, 255, 64), (64, 128, 255))
_AXIS_LENGTH_CM = 6.0
_SUBPIXEL_BITS = 4


def draw_overlay(
    image: np.ndarray,
    points: np.ndarray | None,
    *,
    mesh: bool = True,
    box: bool = True,
    axes: bool = True,
    bridged: bool = False,
) -> np.ndarray:
    """A copy of `image` [H, W, 3] uint8 RGB with the landmarks [478, 3] px, face mesh, box and pose axes drawn on it.

    The axes start between the eyes: red to the face's side, green up, blue out of the face. A bridged frame gets a red
    frame and the word, and its landmarks, those of the last frame with a face, are left out.
    """
    canvas = image.copy()
    line = max(1, round(image.shape[0] / 500))
    if bridged or points is None:
        _mark_bridged(canvas, line)
        return canvas
    if mesh:
        _draw_mesh(canvas, points, line)
    else:
        _draw_points(canvas, points, line)
    if box:
        left, top, right, bottom = np.round(Landmarks(points, 1.0).box).astype(int).tolist()
        opencv().rectangle(canvas, (left, top), (right, bottom), _BOX, line, opencv().LINE_AA)
    if axes:
        _draw_axes(canvas, points, line)
    return canvas


def _draw_mesh(canvas: np.ndarray, points: np.ndarray, line: int) -> None:
    _polylines(canvas, points[_edges()], _MESH, 1, closed=False)
    contours = [points[list(ring)] for ring in (*EYE_RINGS, INNER_LIPS, FACE_OVAL)]
    _polylines(canvas, contours, _CONTOUR, line)
    _polylines(canvas, [points[iris][1:] for iris in IRISES], _IRIS, line)


def _draw_points(canvas: np.ndarray, points: np.ndarray, line: int) -> None:
    cv2 = opencv()
    for x, y in np.round(points[:, :2] * (1 << _SUBPIXEL_BITS)).astype(int).tolist():
        cv2.circle(canvas, (x, y), line << _SUBPIXEL_BITS, _POINT, -1, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_axes(canvas: np.ndarray, points: np.ndarray, line: int) -> None:
    pose, canonical = solve_pose(points)
    start = np.stack([canonical[list(ring)].mean(0) for ring in EYE_RINGS]).mean(0)
    for direction, color in zip(np.eye(3), _AXES, strict=True):
        ends = project(pose, np.stack([start, start + _AXIS_LENGTH_CM * direction]))
        _polylines(canvas, [ends], color, 2 * line, closed=False)


def _mark_bridged(canvas: np.ndarray, line: int) -> None:
    cv2 = opencv()
    height, width = canvas.shape[:2]
    cv2.rectangle(canvas, (0, 0), (width - 1, height - 1), _BRIDGED, 4 * line)
    scale = height / 600
    cv2.putText(
        canvas, "bridged", (round(20 * scale), round(40 * scale)), cv2.FONT_HERSHEY_SIMPLEX, scale, _BRIDGED, 2 * line
    )


def _polylines(canvas: np.ndarray, lines: np.ndarray | list, color: tuple, line: int, closed: bool = True) -> None:
    cv2 = opencv()
    fixed = [np.round(np.asarray(points)[:, :2] * (1 << _SUBPIXEL_BITS)).astype(np.int32) for points in lines]
    cv2.polylines(canvas, fixed, closed, color, line, cv2.LINE_AA, _SUBPIXEL_BITS)


@cache
def _edges() -> np.ndarray:
    """[E, 2] edges of the canonical face's triangles, each once."""
    triangles = canonical_face().triangles
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)
