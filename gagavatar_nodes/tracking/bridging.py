"""Fills frames without a face from those with one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..types import COVERED, DOUBTS, MOUTHS, STRANGERS, Motion

if TYPE_CHECKING:
    from .video_tracker import TrackedFrame

_SHOWN = 8
"""Ranges of frames that are listed."""


def frame_ranges(frames: Sequence[int], most: int | None = None) -> str:
    """Increasing frame numbers in words, such as "3, 7-12"; after `most` ranges comes an ellipsis."""
    array = np.asarray(frames, int)
    parts = np.split(array, np.flatnonzero(np.diff(array) > 1) + 1) if len(array) else []
    words = [f"{part[0]}" if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts]
    return ", ".join(words[:most] + ["..."] * (most is not None and len(words) > most))


def frames_of(ranges: str) -> set[int]:
    """Return the frames of `frame_ranges`' words."""
    ends = [[int(end) for end in part.split("-")] for part in ranges.split(", ") if part]
    return {frame for part in ends for frame in range(part[0], part[-1] + 1)}


def faults(motion: Motion) -> list[str]:
    """Return what a tracked motion has of its own making, a line each: frames without the face, and other people's."""
    lines = []
    if bridged := motion.bridged:
        lines.append(f"no face in {len(bridged)} frames, filled in: {frame_ranges(bridged, _SHOWN)}")
    if strangers := motion.extra.get(STRANGERS):
        lines.append(f"another person is in frames {strangers}, who was not followed")
    if mouths := motion.extra.get(MOUTHS):
        lines.append(f"the mouth is outside of the picture in frames {mouths}: it rests there")
    if covered := motion.extra.get(COVERED):
        lines.append(f"something covers the mouth in frames {covered}: it rests there")
    if doubts := motion.extra.get(DOUBTS):
        lines.append(f"the person may be another one from frame {doubts} on")
    return lines


class ShotNotes:
    """What a tracker tells of shots and people, frame by frame."""

    def __init__(self) -> None:
        self.shots: list[int] = []
        """Frames with which a new shot begins."""
        self._strangers: list[int] = []
        self._doubts: list[int] = []

    def add(self, index: int, face: TrackedFrame | None, stranger: bool) -> None:
        """Take frame `index`: the followed face, and whether only other people's are to be seen."""
        if stranger:
            self._strangers.append(index)
        if face is not None and face.new_shot:
            self.shots.append(index)
        if face is not None and face.doubtful:
            self._doubts.append(index)

    def words(self) -> dict[str, str]:
        """Return the notes for `Motion.extra`."""
        notes = {STRANGERS: self._strangers, DOUBTS: self._doubts}
        return {key: frame_ranges(frames) for key, frames in notes.items() if frames}


class Bridge:
    """Interpolates linearly between the known frames of a sequence, and holds the first and the last of them."""

    def __init__(self, known: np.ndarray, length: int) -> None:
        """`known` [K] are the increasing indices of the frames that have values, K >= 1, of `length` frames."""
        self._position = np.interp(np.arange(length), known, np.arange(len(known)))

    def fill(self, values: np.ndarray) -> np.ndarray:
        """[length, ...] from the known frames' values [K, ...], in their dtype."""
        before = np.floor(self._position).astype(int)
        after = np.minimum(before + 1, len(values) - 1)
        share = (self._position - before).astype(np.float32)
        filled = values[before]
        between = np.flatnonzero(share)
        weight = share[between].reshape(-1, *[1] * (values.ndim - 1))
        filled[between] = (1 - weight) * values[before[between]] + weight * values[after[between]]
        return filled

    def fill_rotations(self, rotations: np.ndarray) -> np.ndarray:
        """[length, 3, 3] from [K, 3, 3]: blends, taken back to the nearest rotation."""
        U, _, Vt = np.linalg.svd(self.fill(rotations))
        U[..., -1] *= np.sign(np.linalg.det(U @ Vt))[..., None]
        return (U @ Vt).astype(rotations.dtype)
