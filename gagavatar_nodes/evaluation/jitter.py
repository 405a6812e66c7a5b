"""Jitter: how much a face trembles while it should be still."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .tracks import Tracks
from .variants import Variant

WINDOW = 9
"""Frames of a still stretch."""
STILL = 3.0
"""Pixels of a picture 512 wide within which a still landmark stays."""


def still_stretches(points: np.ndarray) -> np.ndarray:
    """[T - 8, N] bool: whether a landmark of [T, N, 2] stays within `STILL` pixels for `WINDOW` frames from there."""
    if len(points) < WINDOW:
        return np.zeros((0, points.shape[1]), bool)
    spans = sliding_window_view(points, WINDOW, axis=0)
    return np.linalg.norm(spans.max(-1) - spans.min(-1), axis=-1) < STILL


def jitter(points: np.ndarray, still: np.ndarray) -> float:
    """Root mean square second difference of [T, N, 2] at the middles of still stretches; NaN where there are none."""
    if not still.any():
        return float("nan")
    squared = (np.diff(points, 2, axis=0) ** 2).sum(-1)
    margin = WINDOW // 2 - 1
    return float(np.sqrt(squared[margin : len(squared) - margin][still].mean()))


def _of_result(tracks: Tracks) -> float:
    points = tracks.result.points
    return jitter(points, _seen_stretches(tracks.result.seen) & still_stretches(points))


def _over_driver(tracks: Tracks) -> float:
    still = _seen_stretches(tracks.seen) & still_stretches(tracks.driver.points)
    return jitter(tracks.result.points, still) / jitter(tracks.driver.points, still)


def _seen_stretches(seen: np.ndarray) -> np.ndarray:
    """[T - 8, 1] whether all frames of a window show the face."""
    if len(seen) < WINDOW:
        return np.zeros((0, 1), bool)
    return np.all(sliding_window_view(seen, WINDOW), axis=-1, keepdims=True)


_STILL = (
    f"root mean square second difference (acceleration) of the 478 landmarks, raw, where they stay within {STILL:g} "
)
_FRAMES = f"pixels for {WINDOW} frames"
VARIANTS = (
    Variant(
        "jitter.landmarks478", "jitter", f"{_STILL}{_FRAMES}; pixels of a picture 512 wide", "this program", "px",
        "lower", of_tracks=_of_result,
    ),
    Variant(
        "jitter.ratio.landmarks478", "jitter over the driver's", "the same, where the driver is still, over the "
        "driver's own", "this program", "", "lower", of_tracks=_over_driver,
    ),
)  # fmt: skip
