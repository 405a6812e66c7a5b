"""The canonical face of the landmark model: geometry and pose weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .. import assets


@dataclass(frozen=True)
class CanonicalFace:
    """The canonical face, centimetres, looking along +z with y up."""

    vertices: np.ndarray
    """[468, 3] float64."""
    triangles: np.ndarray
    """[898, 3] int64 indices of `vertices`."""
    pose_weights: np.ndarray
    """[468] float64 Procrustes weights; zero for all but 33 points that move little with expression."""


@cache
def canonical_face() -> CanonicalFace:
    """The bundled canonical face, read once."""
    with np.load(assets.path("canonical.npz")) as data:
        weights = np.zeros(len(data["v"]))
        weights[data["pw"][:, 0].astype(int)] = data["pw"][:, 1]
        return CanonicalFace(data["v"].astype(np.float64), data["f"].astype(np.int64), weights)
