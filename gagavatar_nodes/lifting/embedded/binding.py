"""Bind points to the face's controls: 478 landmarks and a few handles inside the eyes and the mouth."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ...easing import smoothstep
from ...face.topology import CHIN, FACE_OVAL, LOWER_LIP_ROWS, UPPER_LIP_ROWS
from ...heads.canonical import canonical_face
from ...types import Portrait
from .mesh import barycentric
from .stage import Stage

LANDMARKS = 478
_NECK_HALF_WIDTH_CM = 6.5
_NECK_REACH_CM = (4.0, 9.0)
_SHOULDERS, _STILL_CM, _SHOULDERS_CM = 0.08, 1.5, 6.5  # what they follow of the head; not by the crop's edges
_NECK_BACK_CM, _NECK_TOP_CM = (-4.0, -8.0), (6.0, 1.0)  # depths, and heights over the chin, between which it begins
_NECK_TWIST, _NECK_TWIST_CM = 0.5, 5.0  # of the head's turn, reached so far over a collar


class Handle(IntEnum):
    """Rows of the control displacements after the landmarks."""

    LEFT_GAZE = LANDMARKS
    RIGHT_GAZE = LANDMARKS + 1
    UPPER_TEETH = LANDMARKS + 2
    LOWER_TEETH = LANDMARKS + 3
    TONGUE = LANDMARKS + 4
    CAVITY = LANDMARKS + 5
    CAVITY_HEIGHT = LANDMARKS + 6
    LEFT_LID = LANDMARKS + 7
    RIGHT_LID = LANDMARKS + 8


CONTROLS = LANDMARKS + 9


@dataclass(frozen=True)
class Binding:
    """Displacement of a point = sum of its `weights` times the displacements of its `controls`."""

    controls: np.ndarray
    """[N, 4] int32 indices, landmarks or `Handle`s."""
    weights: np.ndarray
    """[N, 4] float32; a row need not sum to one."""

    @staticmethod
    def free(count: int) -> Binding:
        """Points that no control moves."""
        return Binding(np.zeros((count, 4), np.int32), np.zeros((count, 4), np.float32))

    @staticmethod
    def to(handles: list[int], weights: np.ndarray) -> Binding:
        """Points [N] moved by up to four controls with `weights` [N, len(handles)]."""
        binding = Binding.free(len(weights))
        binding.controls[:, : len(handles)] = handles
        binding.weights[:, : len(handles)] = weights
        return binding

    def __getitem__(self, rows: np.ndarray) -> Binding:
        return Binding(self.controls[rows], self.weights[rows])

    @staticmethod
    def concatenate(parts: list[Binding]) -> Binding:
        """One binding for several groups of points in a row."""
        return Binding(np.concatenate([p.controls for p in parts]), np.concatenate([p.weights for p in parts]))


def bind_to_face(
    points: np.ndarray, places: np.ndarray, face: np.ndarray, marks: np.ndarray, portrait: Portrait
) -> Binding:
    """Bind points [N, 3] to the landmarks of the triangles `face` [N] over which they lie.

    In some view they are at `places` [N, 2], and the landmarks at `marks` [478, 2]. Where a triangle is -1 they lie
    around the face, see `bind_outside`.
    """
    binding = bind_outside(points, portrait.canonical)
    inside = np.flatnonzero(face >= 0)
    triangles = canonical_face().triangles[face[inside]]
    weights = barycentric(places[inside], marks[triangles].astype(float))
    binding.controls[inside], binding.weights[inside] = 0, 0
    binding.controls[inside, :3], binding.weights[inside, :3] = triangles, _one_lip(triangles, weights)
    return binding


def _one_lip(triangles: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weights [N, 3] in triangles [N, 3]: those that span the opening belong to the nearer lip alone."""
    upper, lower = (np.isin(triangles, rows) for rows in (UPPER_LIP_ROWS, LOWER_LIP_ROWS))
    spans = upper.any(1, keepdims=True) & lower.any(1, keepdims=True)
    nearer = (weights * upper).sum(1, keepdims=True) > (weights * lower).sum(1, keepdims=True)
    own = np.where(spans & np.where(nearer, lower, upper), 0, weights)
    return own / own.sum(1, keepdims=True)


def bind_outside(points: np.ndarray, landmarks: np.ndarray) -> Binding:
    """Points [N, 3] around the face follow the nearest of its rim, less with distance (canonical centimeters).

    The jaw pulls the skin under it farther than the cheeks pull the hair beside them.
    """
    from scipy.spatial import cKDTree

    rim = np.array(FACE_OVAL)
    distance, nearest = cKDTree(landmarks[rim, :2]).query(points[:, :2], k=4)
    weights = 1 / (distance + 0.3) ** 2
    weights /= weights.sum(1, keepdims=True)
    reach = np.where(points[:, 1] < -6, 3.0, 2.0)
    weights *= np.exp(-((distance[:, 0] / reach) ** 2))[:, None]
    return Binding(rim[nearest].astype(np.int32), weights.astype(np.float32))


def head_weight(canonical: np.ndarray, portrait: Portrait, stage: Stage) -> np.ndarray:
    """How much points [N, 3] move with the head, 0..1 [N].

    1 above the chin, falling smoothly over 9 cm of neck below it to the little that shoulders follow, or less where the
    picture ends earlier: its lower and side edges must not move.
    """
    top = portrait.canonical[CHIN, 1] - 0.5
    end = np.flatnonzero((portrait.alpha > 0.5).any(1)).max(initial=0)
    edge = stage.to_canonical(stage.unproject(np.array([[portrait.size / 2, end]]), np.zeros(1)))[0, 1]
    reach = np.clip(top - edge, *_NECK_REACH_CM)
    below = top - canonical[:, 1]
    beside = np.abs(canonical[:, 0]) - _NECK_HALF_WIDTH_CM
    shoulder = smoothstep(beside / 5.0) * np.clip((below + 1.5) / 2.5, 0, 1)
    neck = smoothstep(1 - below / reach) * (1 - shoulder)
    pixels = stage.project(stage.from_canonical(canonical))[:, :2]
    inside = np.minimum(pixels, portrait.size - 1 - pixels)[:, 0], end - pixels[:, 1]
    from_edge = np.minimum(*inside) / stage.scale
    follow = _SHOULDERS * smoothstep((from_edge - _STILL_CM) / (_SHOULDERS_CM - _STILL_CM))
    return (neck + (1 - neck) * follow).astype(np.float32)


def stay_with_body(head: np.ndarray, cloth: np.ndarray) -> np.ndarray:
    """Return `head_weight` [N] of what is `cloth` [N] 0..1: it follows no more than shoulders do."""
    return (head + cloth * (np.minimum(head, _SHOULDERS) - head)).astype(np.float32)


def neck_follow(canonical: np.ndarray, portrait: Portrait, collar: np.ndarray) -> np.ndarray:
    """Share 0..1 [N] of `head_weight` that the back of the neck, under the ears, takes: it turns about its own axis.

    In the collar, which is as high as `collar` [N] in canonical centimeters, it stays.
    """
    front, back = _NECK_BACK_CM
    behind = smoothstep((front - canonical[:, 2]) / (front - back))
    ear, jaw = _NECK_TOP_CM
    under = smoothstep((portrait.canonical[CHIN, 1] + ear - canonical[:, 1]) / (ear - jaw))
    twist = _NECK_TWIST * smoothstep((canonical[:, 1] - collar) / _NECK_TWIST_CM)
    share: np.ndarray = 1 - (1 - twist) * behind * under
    return share.astype(np.float32)
