"""What the readers of both layouts give: pictures and tracked codes by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class FrameCodes:
    """Tracking of one frame, float32."""

    shape: np.ndarray
    """[300] FLAME's shape code."""
    expression: np.ndarray
    """[100]."""
    jaw: np.ndarray
    """[3] axis-angle."""
    eyes: np.ndarray
    """[6] axis-angle, left then right."""
    transform: np.ndarray
    """[3, 4] world-to-view of the picture, see `types.Camera.transform`."""
    box: np.ndarray
    """[4] head box in the picture: x0, y0, x1, y1, 0..1."""


class DatasetFrames(Protocol):
    """Frames of a data set. It may be sent to other processes, each of which opens the files anew."""

    name: str
    """The folder, for messages."""
    edition: str
    """FLAME's edition that the codes are written in."""
    splits: dict[str, list[str]]
    """Keys by split, in the data set's order."""

    def video_of(self, key: str) -> str:
        """Return the video that a frame belongs to."""
        ...

    def number_of(self, key: str) -> int:
        """Return the frame's number in its video."""
        ...

    def picture(self, key: str) -> np.ndarray:
        """[S, S, 3] RGB, matted onto black: uint8, or float32 0..1. Raises FileFormatError or MediaError."""
        ...

    def codes(self, key: str) -> FrameCodes:
        """Return the frame's tracking."""
        ...
