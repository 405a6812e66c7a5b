"""Transitions from 0 to 1."""

from __future__ import annotations

import numpy as np


def ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 up to `low` and 1 from `high` on, with an even slope between them."""
    share: np.ndarray = np.clip((values - low) / (high - low), 0, 1)
    return share


def smoothstep(t: np.ndarray) -> np.ndarray:
    """Return 0 up to t = 0 and 1 from t = 1 on, with a level slope at both ends: `3 t^2 - 2 t^3` between them."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)
