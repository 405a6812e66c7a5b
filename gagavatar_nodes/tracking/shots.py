"""What a film's shots have to do with each other: a head keeps its size, its place and its looks over a cut."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from ..face.arkit import arkit_deltas, fit_arkit
from ..face.pose import NECK_PIVOT
from ..types import SHOTS, Motion

_FEWEST = 12
"""Frames of a shot whose middle face tells what the landmark model makes of the person there."""


class Shot(NamedTuple):
    """How a shot was laid over the longest one."""

    start: int
    """Index of its first frame."""
    scale: float
    """What its scales were multiplied by."""
    shift: tuple[float, float]
    """Centimeters that were added to its translations."""


def align_shots(
    starts: list[int], scale: np.ndarray, rotation: np.ndarray, translation: np.ndarray, offsets: np.ndarray
) -> list[Shot]:
    """Give all shots the median size and place of the longest one, and its face but for the expression; in place.

    Args:
        starts: indices of the shots' first frames, increasing; the first is 0.
        scale: [T], see `Motion`, as the following.
        rotation: [T, 3, 3].
        translation: [T, 3].
        offsets: [T, 478, 3] landmarks from the bundled face, centimeters.
    """
    slices = [slice(start, end) for start, end in zip(starts, [*starts[1:], len(scale)], strict=True)]
    longest = max(slices, key=lambda part: part.stop - part.start)
    size, place, looks = np.median(scale[longest]), _place(translation[longest], rotation[longest]), None
    shots = []
    for part in slices:
        factor, shift = 1.0, np.zeros(3)
        if part != longest:
            factor = float(size / np.median(scale[part]))
            shift = (place - _place(translation[part], rotation[part])) * [1, 1, 0]
            scale[part] *= factor
            translation[part] += shift.astype(translation.dtype)
            if part.stop - part.start >= _FEWEST:
                looks = _looks(offsets[longest]) if looks is None else looks
                offsets[part] += (looks - _looks(offsets[part])).astype(offsets.dtype)
        shots.append(Shot(part.start, factor, (float(shift[0]), float(shift[1]))))
    return shots


def _place(translation: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """[3] median centimeters of the neck's pivot, which stays where it is when the head turns."""
    return np.median(translation + rotation @ NECK_PIVOT, axis=0)


def _looks(offsets: np.ndarray) -> np.ndarray:
    """[478, 3] the middle face of a shot without its expression."""
    face = np.median(offsets[:: max(1, len(offsets) // 200)].astype(np.float64), axis=0)
    return face - arkit_deltas(fit_arkit(face[None])[0])


def write_shots(shots: list[Shot]) -> dict[str, str]:
    """Return the note of more than one shot for `Motion.extra`."""
    return {SHOTS: json.dumps([[shot.start, shot.scale, *shot.shift] for shot in shots])} if len(shots) > 1 else {}


def seen_squares(motion: Motion, center: np.ndarray, half: float) -> list[tuple[np.ndarray, float]] | None:
    """Return where a square of aligned shots lies in each frame as it was seen; None for a motion of one shot.

    The square has a center [2] from the picture's center and a half width, both in picture heights.
    """
    if SHOTS not in motion.extra:
        return None
    shots = [Shot(int(start), factor, (x, y)) for start, factor, x, y in json.loads(motion.extra[SHOTS])]
    squares = []
    for shot, end in zip(shots, [*(shot.start for shot in shots[1:]), len(motion)], strict=True):
        shift = np.array(shot.shift) * [1, -1]
        for scale in motion.scale[shot.start : end]:
            squares.append(((center - scale * shift) / shot.scale, half / shot.scale))
    return squares
