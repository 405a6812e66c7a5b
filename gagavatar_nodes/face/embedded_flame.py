"""The bundled CC0 head in FLAME's layout: a head model for those who have no FLAME file.

It has FLAME's 5023 vertices, 300 shape and 100 expression directions and 70 landmarks, so that whatever works with a
FLAME file works with it; its edition, "embedded", keeps the codes of both apart.

    vertices    the bundled head's, then one at each of the 70 landmarks, then middles of the longest edges
    shape       smooth, symmetric deformations: linear and quadratic polynomials of the place; the rest is zero
    expression  the 52 ARKit targets, in the order of `ARKIT_NAMES`, at code 1; the rest is zero
    joints      the eyeballs turn about their centers; the jaw moves by the targets alone
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..heads.canonical import canonical_face
from ..heads.cc0 import LEFT_EYE, RIGHT_EYE, head_mesh
from ..heads.editions import BUNDLED_HEAD, EMBEDDED_HEAD
from ..heads.similarity import similarity
from ..types import ARKIT_NAMES
from .arkit_flame import IBUG_68
from .bundled_face import arkit_basis, bundled_neutral
from .topology import IRISES

_VERTICES, _FACES, _LANDMARKS, _CODES = 5023, 9976, 70, 400
_SHAPES = 300
_ORIGIN_CM = np.array([0.0, 0.0, -2.0])
"""Canonical point at FLAME's origin, inside the head."""
_METERS = 0.01
_RADIUS_CM = 10.0
_LINEAR, _QUADRATIC = 0.04, 0.03
"""Share of the radius by which a shape code of 1 moves points at the radius."""
_NECK, _FIRST_EYE, _PUPIL = 1, 3, 68
"""Joints: the neck, the left eye and after it the right one. Landmark of the right pupil, after it the left one."""
_PARENTS = ((-1, 0, 1, 1, 1), (0, 1, 2, 3, 4))


def load_head(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the asset of a FLAME file, or `embedded_flame` where `path` is `BUNDLED_HEAD`.

    Raises:
        FileFormatError: see `flame_files.load_flame`.
    """
    from ..heads.flame_files import load_flame

    return embedded_flame() if Path(path) == BUNDLED_HEAD else load_flame(path)


def embedded_flame() -> dict[str, Any]:
    """Return the asset, laid out as `flame_files.load_flame` returns FLAME's: torch tensors, and the edition's name."""
    import torch

    arrays = _arrays()
    model = {name: torch.from_numpy(value.copy()) for name, value in arrays["model"].items()}
    landmarks = {name: torch.from_numpy(value.copy()) for name, value in arrays["landmarks"].items()}
    return {"flame_model": model, "lmk_embeddings": landmarks, "edition": EMBEDDED_HEAD}


@cache
def _arrays() -> dict[str, dict[str, np.ndarray]]:
    mesh, (points, offsets) = head_mesh(), _points()
    shapes = _shape_directions(points)
    directions = np.zeros((_VERTICES, 3, _CODES), np.float32)
    directions[:, :, : shapes.shape[-1]] = shapes * _METERS
    directions[:, :, _SHAPES : _SHAPES + len(offsets)] = offsets.transpose(1, 2, 0) * _METERS
    skinning, regressor = np.zeros((_VERTICES, 5), np.float32), np.zeros((5, _VERTICES), np.float32)
    skinning[:, _NECK] = 1
    regressor[:_FIRST_EYE] = 1 / _VERTICES
    for side, ball in enumerate(_eyeballs()):
        joint = _FIRST_EYE + 1 - side
        regressor[joint, ball] = 1 / len(ball)
        moved = np.append(ball, len(mesh.vertices) + _PUPIL + side)
        skinning[moved] = np.arange(5) == joint
    faces = np.zeros((_FACES, 3), np.int64)
    faces[: len(mesh.triangles)] = mesh.triangles
    bound = np.arange(_FACES - _LANDMARKS, _FACES)  # triangles without area, each of one landmark's vertex
    faces[bound] = len(mesh.vertices) + np.arange(_LANDMARKS)[:, None]
    weights = np.zeros((1, _LANDMARKS, 3), np.float32)
    weights[..., 0] = 1
    return {
        "model": {
            "f": faces,
            "v_template": ((points - _ORIGIN_CM) * _METERS).astype(np.float32),
            "shapedirs": directions,
            "posedirs": np.zeros((_VERTICES, 3, 36), np.float32),
            "J_regressor": regressor,
            "kintree_table": np.array(_PARENTS, np.int64),
            "weights": skinning,
        },
        "landmarks": {"full_lmk_faces_idx_with_eye": bound[None], "full_lmk_bary_coords_with_eye": weights},
    }


def _points() -> tuple[np.ndarray, np.ndarray]:
    """Canonical vertices [5023, 3] at rest and their offsets [52, 5023, 3] by each of `ARKIT_NAMES`, centimeters."""
    mesh, face = head_mesh(), canonical_face()
    scale, R, translation = similarity(mesh.landmarks(mesh.vertices), face.vertices, face.pose_weights)
    linear = scale * R.T
    own = np.stack([mesh.offsets(name) for name in ARKIT_NAMES]) @ linear
    landmarks = [*IBUG_68, *(iris.start for iris in IRISES)]
    marks = arkit_basis()[:, landmarks].copy()
    looks = [k for k, name in enumerate(ARKIT_NAMES) if name.startswith("eyeLook")]
    for side, ball in enumerate(_eyeballs()):  # the eyes' joints do that
        own[np.ix_(np.array(looks), ball)] = 0
        marks[looks, _PUPIL + side] = 0
    rest = mesh.vertices @ linear + translation
    edges = _longest_edges(rest, _VERTICES - len(rest) - _LANDMARKS)
    points = np.concatenate([rest, bundled_neutral()[landmarks], rest[edges].mean(1)])
    return points, np.concatenate([own, marks, own[:, edges].mean(2)], axis=1)


def _eyeballs() -> list[np.ndarray]:
    """Indices of the vertices of the subject's right and left eye."""
    mesh = head_mesh()
    return [np.unique(mesh.triangles[mesh.parts == part]) for part in (RIGHT_EYE, LEFT_EYE)]


def _longest_edges(vertices: np.ndarray, count: int) -> np.ndarray:
    """[count, 2] indices of the ends of the mesh's longest edges."""
    triangles = head_mesh().triangles
    edges = np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    lengths = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    return edges[np.argsort(-lengths, kind="stable")[:count]]


def _shape_directions(points: np.ndarray) -> np.ndarray:
    """[V, 3, 15] offsets in centimeters at code 1: polynomials of the place that keep left and right alike."""
    x, y, z = ((points - _ORIGIN_CM) / _RADIUS_CM).T
    sideways = [(x, _LINEAR), (x * y, _QUADRATIC), (x * z, _QUADRATIC)]
    others = [(v, _LINEAR) for v in (y, z)] + [(v, _QUADRATIC) for v in (x * x, y * y, z * z, y * z)]
    directions = np.zeros((len(points), 3, len(sideways) + 2 * len(others)))
    terms = [(0, *term) for term in sideways] + [(axis, *term) for axis in (1, 2) for term in others]
    for k, (axis, polynomial, share) in enumerate(terms):
        directions[:, axis, k] = polynomial * share * _RADIUS_CM
    return directions
