"""Means and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLINGS, SEED = 2000, 0
LEVEL = 0.95
BLOCK_SECONDS = 1.0
"""Neighboring frames are alike: within one video, blocks of this length are drawn."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its confidence interval of `LEVEL`."""

    mean: float
    low: float | None
    """None where there is too little to tell."""
    high: float | None
    count: int
    """Videos, or blocks of frames where there is a single video."""


def over_videos(values: list[float], frames: np.ndarray | None = None, fps: float = 25.0) -> Estimate | None:
    """Mean of the videos' values, and the percentile bootstrap over videos; None without a value.

    With one video, `frames` [T], its values by frame, are drawn in blocks of a second.
    """
    known = np.array([value for value in values if np.isfinite(value)])
    if not len(known):
        return None
    if len(known) > 1:
        return _bootstrap(float(known.mean()), known)
    if frames is None:
        return Estimate(float(known[0]), None, None, 1)
    finite = frames[np.isfinite(frames)]
    size = max(1, round(BLOCK_SECONDS * fps))
    blocks = [finite[start : start + size] for start in range(0, len(finite), size)]
    return _bootstrap(float(known[0]), np.array([b.mean() for b in blocks]), np.array([len(b) for b in blocks], float))


def _bootstrap(mean: float, values: np.ndarray, weights: np.ndarray | None = None) -> Estimate:
    if len(values) < 2:
        return Estimate(mean, None, None, len(values))
    drawn = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLINGS, len(values)))
    weights = np.ones(len(values)) if weights is None else weights
    means = (values[drawn] * weights[drawn]).sum(1) / weights[drawn].sum(1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(mean, float(low), float(high), len(values))
