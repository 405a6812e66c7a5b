"""Smooth transitions."""

from __future__ import annotations

import numpy as np


def smoothstep(t: np.ndarray) -> np.ndarray:
    """Return 0 up to t = 0 and 1 from t = 1 on, with a level slope at both ends: `3 t^2 - 2 t^3` between them."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)
