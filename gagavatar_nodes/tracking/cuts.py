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
_LEAST_SUDDEN = 0.025
"""Share of the value range from which a picture changes suddenly: a jump of the camera within the same colors."""
_LEAST_CHANGED = 0.04
"""Of a part of the picture that is another one now."""
_OUTSTANDING = 4.0
"""A cut changes this many times more than the frames before it usually do."""
_MEMORY = 15
_FADES = (6, 12, 18, 24)
"""Frames over which a dissolve is looked for."""
_LEAST_FADED, _MOST_BENT = 0.045, 0.2
"""Share of the value range that a dissolve changes at least, and of that change by which the middle may be off the mean
of the ends: what moves is elsewhere in the middle and off by a quarter and more."""


class CutDetector:
    """Hard cuts: both the picture and its colors change at once, and much more than just before.

    A thumbnail's mean difference tells of the picture, the overlap of histograms (Swain and Ballard, "Color indexing",
    1991) of the colors; movement of a head or of the camera changes the first, light the second. In a dissolve the
    middle picture is the mean of those at its ends.
    """

    def __init__(self) -> None:
        self._thumbnail: np.ndarray | None = None
        self._histogram: np.ndarray | None = None
        self._moved: deque[float] = deque(maxlen=_MEMORY)
        self._recolored: deque[float] = deque(maxlen=_MEMORY)
        self.sudden = False
        """Whether the last picture was suddenly another one, whatever its colors: a cut, a jump zoom, a flash."""
        self.faded = 0
        """Frames over which the last picture has come out of another one, by a dissolve that may go on; 0 for none."""
        self._fade_length = 0
        self._recent: deque[np.ndarray] = deque(maxlen=max(_FADES) + 1)
        self._change = np.zeros((_THUMBNAIL, _THUMBNAIL), np.float32)

    def feed(self, image: np.ndarray) -> bool:
        """Whether a new shot begins with the next frame [H, W, 3] uint8 RGB; false for the first of all."""
        thumbnail, histogram = _summary(image)
        self._recent.append(thumbnail)
        self._follow_fade(thumbnail)
        if self._thumbnail is None or self._histogram is None:
            self._thumbnail, self._histogram = thumbnail, histogram
            return False
        self._change = np.abs(thumbnail - self._thumbnail).mean(-1)
        moved = float(self._change.mean())
        recolored = float(np.abs(histogram - self._histogram).sum() / 2)
        self._thumbnail, self._histogram = thumbnail, histogram
        self.sudden = moved > _threshold(_LEAST_SUDDEN, self._moved)
        cut = moved > _threshold(_LEAST_MOVED, self._moved) and recolored > _threshold(
            _LEAST_RECOLORED, self._recolored
        )
        if cut:
            self._moved.clear()
            self._recolored.clear()
            self._recent.clear()
        else:
            self._moved.append(moved)
            self._recolored.append(recolored)
        return cut

    def _follow_fade(self, thumbnail: np.ndarray) -> None:
        length = next((length for length in _FADES if self._fades(length)), 0)
        if self.faded and not 0 < length <= self._fade_length:  # longer ones would reach over the ends
            self._recent.clear()
            self._recent.append(thumbnail)
            self.faded = 0
        elif length:
            self._fade_length = length
            self.faded = max(self.faded + 1, length)

    def _fades(self, length: int) -> bool:
        if len(self._recent) <= length:
            return False
        first, middle, last = (self._recent[-1 - back] for back in (length, length // 2, 0))
        change = float(np.abs(last - first).mean())
        return change > _LEAST_FADED and float(np.abs(middle - (first + last) / 2).mean()) < _MOST_BENT * change

    def changed(self, box: np.ndarray, shape: tuple[int, ...]) -> bool:
        """Whether the last picture, of `shape` (H, W, ...), was another one than before within a box [4] of pixels."""
        edges = box.reshape(2, 2) * _THUMBNAIL / [shape[1], shape[0]]
        cells = np.clip([np.floor(edges[0]), np.ceil(edges[1])], 0, _THUMBNAIL).astype(int)
        (left, top), (right, bottom) = cells
        part = self._change[top:bottom, left:right]
        return part.size == 0 or float(part.mean()) > _LEAST_CHANGED


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
