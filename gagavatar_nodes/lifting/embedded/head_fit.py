"""Fit the bundled head to a face: a similarity, then a smooth warp that brings its landmarks onto the face's."""

from __future__ import annotations

import numpy as np

from ...heads.canonical import canonical_face
from ...heads.cc0 import SKIN, head_mesh
from ...heads.similarity import similarity

_OUTLIER_CM = 2.2  # landmarks farther off than this after the similarity are the tracker's or the binding's mistakes
_SMOOTHING = 0.3


def fit_head(landmarks: np.ndarray) -> np.ndarray:
    """Vertices [V, 3] of the bundled head, centimeters, fitted to canonical landmarks [468 or more, 3].

    The back of the head and the lower neck, which no landmark sees, keep the similarity's shape.
    """
    from scipy.interpolate import RBFInterpolator

    mesh, target = head_mesh(), np.asarray(landmarks[:468], float)
    scale, rotation, translation = similarity(mesh.landmarks(mesh.vertices), target, canonical_face().pose_weights)
    vertices = scale * mesh.vertices @ rotation.T + translation
    bound = mesh.landmarks(vertices)
    residual = target - bound
    chosen = np.flatnonzero(np.linalg.norm(residual, axis=1) < _OUTLIER_CM)[::2]
    anchors = vertices[(vertices[:, 2] < -7) | (vertices[:, 1] < -14)][::12]
    warp = RBFInterpolator(
        np.concatenate([bound[chosen], anchors]),
        np.concatenate([residual[chosen], np.zeros_like(anchors)]),
        kernel="linear",
        smoothing=_SMOOTHING,
    )
    return vertices + warp(vertices)


def skin_triangles() -> np.ndarray:
    """Triangles [F, 3] of the bundled head's skin."""
    mesh = head_mesh()
    return mesh.triangles[mesh.parts == SKIN]
