"""Means of what is known around each pixel."""

from __future__ import annotations

import numpy as np

from .opencv import opencv

_COARSE = 4
"""Pixels a side over which values are averaged before they are spread: a wide blur is as smooth on fewer pixels."""
_NOTHING = 1e-4
"""Share of known pixels under which there is no mean."""


def mean_around(values: np.ndarray, where: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Means [S, S, C] float32 of values [S, S, C] near each pixel, and the share [S, S] of what is near that is known.

    Known they are `where` [S, S] bool; near is a Gaussian with a deviation of `reach`, a share of the edge. Where
    nothing near is known the mean tends to 0.
    """
    cv2 = opencv()
    size = len(values)
    weighed = np.dstack([values, np.ones_like(values[..., :1])]) * where[..., None]
    small = cv2.resize(weighed, (max(1, size // _COARSE),) * 2, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), max(0.5, reach * len(small)))
    mean = blurred[..., :-1] / np.maximum(blurred[..., -1:], _NOTHING)
    full = cv2.resize(np.dstack([mean, blurred[..., -1:]]), (size, size), interpolation=cv2.INTER_LINEAR)
    return full[..., :-1], full[..., -1]
