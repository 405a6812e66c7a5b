"""The published smoothing of decoded motion, which hides the seams between chunks."""

from __future__ import annotations

import numpy as np

HEAD, JAW = slice(100, 103), slice(103, 106)
"""Where the axis-angles of head and jaw lie among a frame's 106 numbers."""
_JAW_SIDEWAYS = slice(104, 106)
LONGEST_WINDOW = 9
"""Frames that the head's filter looks at: it needs as many."""


def smooth(motion: np.ndarray) -> np.ndarray:
    """Savitzky-Golay filters over time of motion [T, 106]: 5 frames and quadratic, the head 9 and cubic.

    The head's numbers are filtered from what was decoded, not twice. T is at least `LONGEST_WINDOW`.
    """
    from scipy.signal import savgol_filter

    smoothed = savgol_filter(motion, 5, 2, axis=0)
    smoothed[:, HEAD] = savgol_filter(motion[:, HEAD], LONGEST_WINDOW, 3, axis=0)
    return smoothed


def hold_jaw_straight(motion: np.ndarray) -> np.ndarray:
    """Motion [T, 106] whose jaw opens but neither turns nor tilts, as published."""
    straight = motion.copy()
    straight[:, _JAW_SIDEWAYS] = 0
    return straight
