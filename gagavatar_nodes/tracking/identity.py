"""Who a face in a film is: by its looks, not by its place."""

from __future__ import annotations

from collections import deque

import numpy as np

from .face_mesh import Landmarks
from .recognition import Recognizer

SURE, OTHER = 1.2, 0.4
"""Likeness from which a face is the person's without doubt, and under which it is another's; 1 is what is asked for."""
_INNER = slice(4, 20)
"""Rows and columns of a patch that show the face."""
_MEMORY = 40
"""Looks that are kept."""
_NEW = 0.9
"""Cosine to all that are kept under which a look is worth keeping."""


def resemblance(face: Landmarks, other: Landmarks) -> float:
    """Return the correlation, -1 to 1, of two faces as they were seen.

    Of one person a moment apart it is 0.75 or more, of two people up to 0.6.
    """
    a, b = (patch[_INNER, _INNER].astype(np.float64) for patch in (face.patch, other.patch))
    a, b = (part - part.mean((0, 1)) for part in (a, b))
    return float((a * b).mean() / max(float(a.std() * b.std()), 1e-6))


class Person:
    """What one person looks like from several sides and in several lights."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._looks: deque[np.ndarray] = deque(maxlen=_MEMORY)

    @property
    def known(self) -> bool:
        """Whether anything was learned."""
        return bool(self._looks)

    def look(self, image: np.ndarray, face: Landmarks) -> np.ndarray:
        """[D] of norm 1: the looks of a face in a picture [H, W, 3] uint8 RGB."""
        return self._recognizer.embed(image, face.points)

    def learn(self, look: np.ndarray) -> None:
        """Take a look that is surely this person's."""
        if not self.known or self._nearest(look) < _NEW:
            self._looks.append(look)

    def likeness(self, look: np.ndarray) -> float:
        """Return how like the person's nearest look one is: 1 as the recognizer asks for, also where none is known."""
        return self._nearest(look) / self._recognizer.same if self.known else 1.0

    def _nearest(self, look: np.ndarray) -> float:
        return float(max(look @ kept for kept in self._looks))
