"""The bundled CC0 head: skin, eyes, teeth and tongue, 52 ARKit expression targets, and a landmark binding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .. import assets
from ..types import ARKIT_NAMES

SKIN, LEFT_EYE, RIGHT_EYE, UPPER_TEETH, LOWER_TEETH, TONGUE = range(6)
"""Parts of the mesh, the values of `HeadMesh.parts`."""

_TARGET_STEP = 1e-3  # targets are stored as integers of a thousandth of the mesh's unit


@dataclass(frozen=True)
class HeadMesh:
    """The bundled head. Its unit is about a decimeter; the origin is at the body's feet, not in the head."""

    vertices: np.ndarray
    """[V, 3] float64."""
    triangles: np.ndarray
    """[F, 3] int64 indices of `vertices`."""
    parts: np.ndarray
    """[F] uint8, one of SKIN, LEFT_EYE, RIGHT_EYE, UPPER_TEETH, LOWER_TEETH, TONGUE."""
    landmark_triangles: np.ndarray
    """[468] int64 the triangle under each face landmark."""
    landmark_weights: np.ndarray
    """[468, 3] float64 barycentric coordinates in that triangle."""
    targets: dict[str, tuple[np.ndarray, np.ndarray]]
    """ARKit name -> (vertex indices [K], offsets [K, 3] float64 at weight 1)."""

    def landmarks(self, vertices: np.ndarray) -> np.ndarray:
        """Positions [468, 3] of the face landmarks on `vertices` [V, 3]."""
        corners = vertices[self.triangles[self.landmark_triangles]]
        return (corners * self.landmark_weights[..., None]).sum(1)

    def offsets(self, name: str) -> np.ndarray:
        """Dense offsets [V, 3] of one ARKit target at weight 1."""
        dense = np.zeros_like(self.vertices)
        indices, values = self.targets[name]
        dense[indices] = values
        return dense


@cache
def head_mesh() -> HeadMesh:
    """Return the bundled head, read once."""
    with np.load(assets.path("head_cc0.npz")) as data:
        targets = {
            name: (data[f"ui_{name}"].astype(np.int64), data[f"ud_{name}"].astype(np.float64) * _TARGET_STEP)
            for name in ARKIT_NAMES
        }
        weights = data["lm_bar"].astype(np.float64)
        return HeadMesh(
            vertices=data["v"].astype(np.float64),
            triangles=data["f"].astype(np.int64),
            parts=data["grp"],
            landmark_triangles=data["lm_tri"].astype(np.int64),
            landmark_weights=weights / weights.sum(1, keepdims=True),
            targets=targets,
        )
