"""A part of a film."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from ..errors import MediaError
from ..types import FrameSource


class Excerpt:
    """The frames of a film from one second to another, as a film."""

    first: int
    """Number in the film of the first frame."""

    def __init__(self, film: FrameSource, start: float = 0.0, end: float | None = None) -> None:
        """Take the part from `start` to `end`; None is the film's end.

        Raises:
            MediaError: nothing lies between them.
        """
        self._film, self.fps = film, film.fps
        self.first = round(start * self.fps)
        self._stop = None if end is None else max(round(end * self.fps), self.first + 1)
        if end is not None and end <= start:
            raise MediaError(f"The film cannot start at second {start:g} and end at second {end:g}: choose a later end")
        if film.frame_count is not None and self.first >= film.frame_count:
            length = film.frame_count / self.fps
            raise MediaError(
                f"The film lasts {length:.2f} s and cannot start at second {start:g}: choose an earlier one"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._film.size

    @property
    def frame_count(self) -> int | None:
        """Number of frames, or None where it is not known."""
        if self._film.frame_count is None:
            return None
        return min(self._stop or self._film.frame_count, self._film.frame_count) - self.first

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield [H, W, 3] uint8 RGB."""
        return self.frames_from(0)

    def frames_from(self, first: int) -> Iterator[np.ndarray]:
        """Yield the frames from number `first` of the part on."""
        first += self.first
        frames = self._film.frames_from(first)
        return frames if self._stop is None else islice(frames, max(self._stop - first, 0))
