"""Where a film cuts from one shot to the next."""

from __future__ import annotations

from collections import deque

import numpy as np

from .opencv import opencv

_THUMBNAIL = 32
_BINS = (12, 6, 6)
"""Of hue, saturation and value."""
_LEAST_MOVED, _LEAST_RECOLORED = 0.06, 0.12
"""Shares of the value range, and of the pixels, that change at a cut at least."""
_OUTSTANDING = 4.0
"""A cut changes this many times more than the frames before it usually do."""
_MEMORY = 15


class CutDetector:
    """Hard cuts: both the picture and its colors change at once, and much more than just before.

    A thumbnail's mean difference tells of the picture, the overlap of histograms (Swain and Ballard, "Color indexing",
    1991) of the colors; movement of a head or of the camera changes the first, light the second.
    """

    def __init__(self) -> None:
        self._thumbnail: np.ndarray | None = None
        self._histogram: np.ndarray | None = None
        self._moved: deque[float] = deque(maxlen=_MEMORY)
        self._recolored: deque[float] = deque(maxlen=_MEMORY)

    def feed(self, image: np.ndarray) -> bool:
        """Whether a new shot begins with the next frame [H, W, 3] uint8 RGB; false for the first of all."""
        thumbnail, histogram = _summary(image)
        if self._thumbnail is None or self._histogram is None:
            self._thumbnail, self._histogram = thumbnail, histogram
            return False
        moved = float(np.abs(thumbnail - self._thumbnail).mean())
        recolored = float(np.abs(histogram - self._histogram).sum() / 2)
        self._thumbnail, self._histogram = thumbnail, histogram
        cut = moved > _threshold(_LEAST_MOVED, self._moved) and recolored > _threshold(
            _LEAST_RECOLORED, self._recolored
        )
        if cut:
            self._moved.clear()
            self._recolored.clear()
        else:
            self._moved.append(moved)
            self._recolored.append(recolored)
        return cut


def _threshold(least: float, recent: deque[float]) -> float:
    return max(least, _OUTSTANDING * float(np.median(recent)) if recent else 0.0)


def _summary(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Thumbnail [32, 32, 3] 0..1 and histogram [12 * 6 * 6] that adds up to 1."""
    cv2 = opencv()
    small = cv2.resize(image, (4 * _THUMBNAIL, 4 * _THUMBNAIL), interpolation=cv2.INTER_AREA)
    colors = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    counts = cv2.calcHist([colors], [0, 1, 2], None, list(_BINS), [0, 180, 0, 256, 0, 256]).ravel()
    thumbnail = cv2.resize(small, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    return thumbnail.astype(np.float32) / 255, counts / counts.sum()
