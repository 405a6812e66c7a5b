"""Who a face is: by its looks, not by its place.

A look is what the landmark network sees of a face's surface (the mean of an inner layer) and the landmarks' shape
without head pose. It tells people apart across the shots of a film, not across years: see tools/measure_identity.py.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .. import assets
from ..face.bundled_face import bundled_neutral
from ..face.pose import solve_pose
from .face_mesh import Landmarks

SAME, DOUBTFUL = 0.6, 0.45
"""Distances up to which a face counts as the person's, and from which that is not sure."""
_SHAPE = 0.5
"""Weight of the landmarks' shape beside the surface."""
_SHAPE_CM = 0.25
"""By how much the landmarks of people differ."""
_INNER = slice(4, 20)
"""Rows and columns of a patch that show the face."""
_MEMORY = 100
"""Looks that count: later ones change the mean slowly."""


def look_of(face: Landmarks) -> np.ndarray:
    """[D] float32 of length 1: the looks of a face."""
    center, spread = _usual()
    surface = (face.surface - center) / spread
    _, canonical = solve_pose(face.points)
    shape = (canonical[:468] - bundled_neutral()[:468]) / _SHAPE_CM
    parts = [surface / np.sqrt(surface.size), _SHAPE * shape.ravel() / np.sqrt(shape.size)]
    look = np.concatenate(parts).astype(np.float32)
    return look / max(float(np.linalg.norm(look)), 1e-6)


def resemblance(face: Landmarks, other: Landmarks) -> float:
    """Return the correlation, -1 to 1, of two faces as they were seen.

    Of one person a moment apart it is 0.75 or more, of two people up to 0.6.
    """
    a, b = (patch[_INNER, _INNER].astype(np.float64) for patch in (face.patch, other.patch))
    a, b = (part - part.mean((0, 1)) for part in (a, b))
    return float((a * b).mean() / max(float(a.std() * b.std()), 1e-6))


class Person:
    """The looks of one person, averaged over what was seen of them."""

    def __init__(self) -> None:
        self._mean: np.ndarray | None = None
        self.seen = 0

    def learn(self, look: np.ndarray) -> None:
        """Take a look that is surely this person's."""
        self.seen += 1
        mean = look if self._mean is None else self._mean
        self._mean = mean + (look - mean) / min(self.seen, _MEMORY)

    def distance(self, look: np.ndarray) -> float:
        """0 for the same looks to 2: one minus the cosine; 0 where nothing is known of the person."""
        if self._mean is None:
            return 0.0
        return float(1 - look @ self._mean / max(float(np.linalg.norm(self._mean)), 1e-6))


@cache
def _usual() -> tuple[np.ndarray, np.ndarray]:
    """[128] mean and deviation of surfaces."""
    with np.load(assets.path("face_looks.npz")) as data:
        return data["center"], data["spread"]
