"""The canonical face of the landmark model: geometry and pose weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .. import assets

_LEVEL = np.radians(4.0)
"""Against heads that look straight ahead, as measured on the bundled one, the file's face looks up by as much."""


@dataclass(frozen=True)
class CanonicalFace:
    """The canonical face, centimeters, looking along +z with y up."""

    vertices: np.ndarray
    """[468, 3] float64."""
    triangles: np.ndarray
    """[898, 3] int64 indices of `vertices`."""
    pose_weights: np.ndarray
    """[468] float64 Procrustes weights; zero for all but 33 points that move little with expression."""


@cache
def canonical_face() -> CanonicalFace:
    """Return the bundled canonical face, read once."""
    with np.load(assets.path("canonical.npz")) as data:
        weights = np.zeros(len(data["v"]))
        weights[data["pw"][:, 0].astype(int)] = data["pw"][:, 1]
        cos, sin = np.cos(_LEVEL), np.sin(_LEVEL)
        level = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
        return CanonicalFace(data["v"].astype(np.float64) @ level.T, data["f"].astype(np.int64), weights)
