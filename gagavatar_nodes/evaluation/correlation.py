"""Whether the result blinks, speaks and moves when the driver does."""

from __future__ import annotations

import numpy as np

from ..face.topology import eye_openness
from ..types import ARKIT_NAMES
from .tracks import Track, Tracks
from .variants import Variant

_JAW = ARKIT_NAMES.index("jawOpen")
_STANDS = 1e-4
"""Deviation under which a curve is no movement."""


def correlation(values: np.ndarray, others: np.ndarray) -> float:
    """Pearson's r of two curves [T]; NaN where one stands still."""
    if len(values) < 3 or min(np.std(values), np.std(others)) < _STANDS:
        return float("nan")
    return float(np.corrcoef(values, others)[0, 1])


def agreement(weights: np.ndarray, others: np.ndarray) -> float:
    """Pearson's r of all curves [T, N] at once, each about its own mean: strong movements count most."""
    return correlation((weights - weights.mean(0)).ravel(), (others - others.mean(0)).ravel())


def jaw(track: Track) -> np.ndarray:
    """[T] opening of the jaw, ARKit's weight."""
    return track.motion.arkit[:, _JAW].astype(np.float64)


def openness(track: Track) -> np.ndarray:
    """[T] opening of the lids over the eyes' width."""
    return eye_openness(track.canonical).mean(1)


def _blink(tracks: Tracks) -> float:
    return correlation(openness(tracks.result)[tracks.seen], openness(tracks.driver)[tracks.seen])


def _jaw(tracks: Tracks) -> float:
    return correlation(jaw(tracks.result)[tracks.seen], jaw(tracks.driver)[tracks.seen])


def _expression(tracks: Tracks) -> float:
    return agreement(tracks.result.motion.arkit[tracks.seen], tracks.driver.motion.arkit[tracks.seen])


_R = "Pearson's r over time of"
VARIANTS = (
    Variant("blink.correlation", "blink correlation", f"{_R} the lids' opening over the eyes' width, result and driver",
            "this program", "", "higher", of_tracks=_blink),
    Variant("jaw.correlation", "jaw correlation", f"{_R} ARKit's jawOpen, result and driver", "this program", "",
            "higher", of_tracks=_jaw),
    Variant("expression.correlation", "expression correlation", f"{_R} all 52 ARKit weights, each about its mean",
            "this program", "", "higher", of_tracks=_expression),
)  # fmt: skip
