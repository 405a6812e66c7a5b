"""A FLAME-like head made of the bundled CC0 one: FLAME itself is licensed and not here, and its place is measured.

It has the real head's geometry: 478-point landmarks as `bundled_face` sees them, ARKit targets as expression codes
(the jaw and the eyes turn as joints), and smooth random shapes. The number of vertices is not FLAME's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gagavatar_nodes.face import bundled_face
from gagavatar_nodes.face.arkit import arkit_basis, bundled_neutral
from gagavatar_nodes.heads.cc0 import LEFT_EYE, LOWER_TEETH, RIGHT_EYE, TONGUE, head_mesh
from gagavatar_nodes.tracking.landmarks.face_model import INDICES
from gagavatar_nodes.types import ARKIT_NAMES

JAW_JOINT = np.array([0.0, 1.0, -4.0])
"""Canonical centimeters, between the ears."""
JAW_OPEN = 0.25
"""Radians that jawOpen turns the jaw."""
ORIGIN = np.array([0.0, 0.0, -3.0])
"""Of the stand-in's space in canonical centimeters."""
_TARGET = 1 / 3  # of an ARKit target's weight per expression code: a full one is three deviations
_SHAPE_CM, _WAVELENGTHS_CM = 0.35, (8.0, 40.0)


def standin_flame(seed: int = 0) -> dict[str, Any]:
    """Return an asset in the layout of `FLAME_with_eye.pt`, edition "stand-in"."""
    mesh = head_mesh()
    linear, _, vertices = bundled_face._align()
    landmarks = bundled_neutral()[list(INDICES)]
    points = np.concatenate([vertices, landmarks])
    turning = [n for n in ARKIT_NAMES if n.startswith(("eyeLook", "jawOpen", "tongue"))]
    targets = [n for n in ARKIT_NAMES if n not in turning]
    offsets = [
        np.concatenate([mesh.offsets(n) @ linear, arkit_basis()[ARKIT_NAMES.index(n), list(INDICES)]]) for n in targets
    ]
    opening = np.concatenate(
        [mesh.offsets("jawOpen") @ linear, arkit_basis()[ARKIT_NAMES.index("jawOpen"), list(INDICES)]]
    )
    weights, joints = _skinning(points, opening)
    expressions = np.zeros((len(points), 3, 100))
    expressions[..., : len(targets)] = np.stack(offsets, -1) * _TARGET
    shapes = _smooth_fields(points, 300, np.random.default_rng(seed))
    first = len(vertices)
    own = np.arange(first, len(points))
    nearest = [np.argmin(np.linalg.norm(points - joint, axis=1)) for joint in joints]
    regressor = np.zeros((5, len(points)))
    regressor[range(5), nearest] = 1
    model = {
        "f": np.concatenate([mesh.triangles, np.stack([own] * 3, 1)]),
        "v_template": (points - ORIGIN) / 100,
        "shapedirs": np.concatenate([shapes, expressions], -1) / 100,
        "posedirs": np.zeros((len(points), 3, 36)),
        "J_regressor": regressor,
        "kintree_table": np.array([[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
        "weights": weights,
    }
    embedding = {
        "full_lmk_faces_idx_with_eye": np.arange(70)[None] + len(mesh.triangles),
        "full_lmk_bary_coords_with_eye": np.tile([1.0, 0, 0], (1, 70, 1)),
    }
    groups = {"flame_model": model, "lmk_embeddings": embedding}
    asset = {group: {k: torch.as_tensor(v) for k, v in values.items()} for group, values in groups.items()}
    return {**asset, "edition": "stand-in"}


def _skinning(points: np.ndarray, opening: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights [N, 5] of root, neck, jaw, left and right eye, and joints [5, 3]."""
    mesh = head_mesh()
    lever = np.linalg.norm((points - JAW_JOINT)[:, 1:], axis=1) * JAW_OPEN
    jaw = np.clip(np.linalg.norm(opening[:, 1:], axis=1) / np.maximum(lever, 1e-6), 0, 1)
    jaw[np.unique(mesh.triangles[np.isin(mesh.parts, (LOWER_TEETH, TONGUE))])] = 1
    weights = np.zeros((len(points), 5))
    joints = [np.array([0, -12.0, -5]), np.array([0, -9.0, -4.5]), JAW_JOINT]
    for column, (part, iris) in enumerate(((LEFT_EYE, -1), (RIGHT_EYE, -2)), start=3):
        ball = np.unique(mesh.triangles[mesh.parts == part])
        jaw[ball] = jaw[iris] = 0
        weights[ball, column] = weights[iris, column] = 1
        joints.append(points[ball].mean(0))
    weights[:, 2] = jaw
    weights[:, 0] = 1 - weights.sum(1)
    return weights, np.stack(joints)


def _smooth_fields(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """[N, 3, count] symmetric random fields in centimeters, the coarse ones first and larger."""
    fields = np.empty((len(points), 3, count))
    mirrored = points * [-1, 1, 1]
    for k in range(count):
        share = k / count
        wavelength = _WAVELENGTHS_CM[1] * (_WAVELENGTHS_CM[0] / _WAVELENGTHS_CM[1]) ** np.sqrt(share)
        waves = rng.standard_normal((3, 3)) * 2 * np.pi / wavelength / np.sqrt(3)
        phases = rng.uniform(0, 2 * np.pi, 3)
        field, other = (np.sin(p @ waves + phases) for p in (points, mirrored))
        fields[..., k] = (field + other * [-1, 1, 1]) / np.sqrt(2) * _SHAPE_CM / np.sqrt(1 + k)
    return fields
