"""A mouth outside of the picture: the landmark model makes one up, so it is held and comes to rest."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from ..easing import smoothstep
from ..face.bundled_face import bundled_neutral
from ..face.topology import LOWER_LIP_ROWS, UPPER_LIP_ROWS

_LIPS = [*UPPER_LIP_ROWS, *LOWER_LIP_ROWS]
_MOST_OUTSIDE = 0.5
"""Share of the lips' landmarks. With a third of them outside jawOpen is right to 0.06 still, with half of them to 0.1,
and with two thirds a mouth at rest is as near to the person's."""
_REST_SECONDS = 0.4
"""In which a mouth comes to rest after it was seen, and begins to move before it is seen again."""
_BLOCK = 64
"""Frames at once."""
_NOSE_BASE, _LIP_TOP = 2, 0
"""Landmarks between which the part of the face begins that is not seen."""


def mouth_is_seen(points: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether the lips of landmarks [478, 3] in pixels lie in the picture of `shape` (H, W, ...)."""
    lips = points[_LIPS, :2]
    outside = (lips < -0.5) | (lips > np.array(shape[1::-1]) - 0.5)
    return float(outside.any(-1).mean()) <= _MOST_OUTSIDE


def resting(seconds: np.ndarray | float) -> np.ndarray:
    """Share 1..0 of its expression that a mouth still has so long after (or before) it was seen."""
    return 1 - smoothstep(np.asarray(seconds, np.float64) / _REST_SECONDS)


def rest_unseen(deltas: np.ndarray, seen: np.ndarray, times: np.ndarray) -> None:
    """Let the lower face of frames whose mouth was not seen come to rest, and move between those that were; in place.

    Args:
        deltas: [T, 478, 3] canonical landmarks from the face at rest.
        seen: [T] bool.
        times: [T] seconds.
    """
    moving = lower_face()[:, None]
    for frames, held in fill_unseen(deltas, seen, times):
        deltas[frames] += (moving * (held - deltas[frames].astype(np.float32))).astype(deltas.dtype)


def rest_lower_face(deltas: np.ndarray, held: np.ndarray, seconds: float) -> np.ndarray:
    """[..., 478, 3] with the lower face of `held`, as it was seen `seconds` ago, on its way to rest."""
    return deltas + lower_face()[:, None] * (resting(seconds) * held - deltas)


def fill_unseen(values: np.ndarray, seen: np.ndarray, times: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield indices of frames that were not seen, some at once, and what values [T, ...], 0 at rest, are there."""
    known = np.flatnonzero(seen)
    unseen = np.flatnonzero(~seen)
    for start in range(0, len(unseen), _BLOCK):
        frames = unseen[start : start + _BLOCK]
        if not len(known):
            yield frames, np.zeros_like(values[frames], np.float32)
            continue
        after = np.searchsorted(known, frames)
        first, last = known[np.maximum(after - 1, 0)], known[np.minimum(after, len(known) - 1)]
        since, until = np.abs(times[frames] - times[first]), np.abs(times[last] - times[frames])
        share = since / np.maximum(since + until, 1e-6)
        left = np.maximum(resting(since), resting(until))
        before, behind = ((left * part).reshape(-1, *[1] * (values.ndim - 1)) for part in (1 - share, share))
        yield frames, (before * values[first] + behind * values[last]).astype(np.float32)


@cache
def lower_face() -> np.ndarray:
    """[478] 0..1: how much of each landmark's movement is the mouth's, 1 from the upper lip down to the chin."""
    height = bundled_neutral()[:, 1]
    return smoothstep((height[_NOSE_BASE] - height) / (height[_NOSE_BASE] - height[_LIP_TOP]))
