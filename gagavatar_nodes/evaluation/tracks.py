"""The motions of a result and of its driver, which metrics of whole videos read."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from ..tracking.recorder import MotionRecorder
from ..types import Motion, Portrait
from .variants import Instruments

_T = TypeVar("_T")


class Track:
    """A face through a video: its motion, and its landmarks in pictures 512 wide."""

    def __init__(self, motion: Motion, width: float = 1.0) -> None:
        """`width` is that of the pictures, over their height."""
        self.motion, self._width = motion, width

    @cached_property
    def canonical(self) -> np.ndarray:
        """[T, 478, 3] landmarks without the head's pose, centimeters."""
        return self.motion.neutral + self.motion.deltas.astype(np.float64)

    @cached_property
    def points(self) -> np.ndarray:
        """[T, 478, 2] pixels of a picture 512 wide, from its middle."""
        from .sights import SCALE

        placed = self.canonical @ self.motion.rotation.astype(np.float64).swapaxes(-1, -2)
        placed += self.motion.translation[:, None]
        return (self.motion.scale[:, None, None] * placed * [1, -1, -1])[..., :2] * (SCALE / self._width)

    @property
    def seen(self) -> np.ndarray:
        """[T] bool, whether the face was found."""
        return self.motion.confidence > 0


class Tracks:
    """What is known of a whole video, at its end."""

    def __init__(
        self, result: Track, driver: Track, portrait: Portrait | None, instruments: Instruments,
        frames: dict[str, np.ndarray], truth: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Gather what metrics measure.

        Args:
            result: what was made.
            driver: of the same frames.
            portrait: the avatar's.
            instruments: what metrics measure with.
            frames: values [T] of variants by frame, by their ids.
            truth: [T, 4] yaw and pitch in radians, jaw opening and blink, where the driver's motion is known.
        """
        self.result, self.driver, self.portrait, self.instruments = result, driver, portrait, instruments
        self.frames, self.truth = frames, truth
        self._found: dict[str, Any] = {}

    @property
    def seen(self) -> np.ndarray:
        """[T] bool, whether both faces were found."""
        return self.result.seen & self.driver.seen

    def once(self, key: str, work: Callable[[], _T]) -> _T:
        """Return the result of `work`, which several metrics want."""
        if key not in self._found:
            self._found[key] = work()
        return self._found[key]


class TrackRecorder:
    """Collects a track frame by frame: three kilobytes a frame are kept."""

    def __init__(self, fps: float, name: str) -> None:
        self._recorder = MotionRecorder(fps, name)
        self._width, self._faces = 1.0, 0

    def add(self, points: np.ndarray | None, score: float, shape: tuple[int, ...]) -> None:
        """Take the next frame, see `MotionRecorder.add`."""
        self._width = shape[1] / shape[0]
        self._faces += points is not None
        self._recorder.add(points, score, shape)

    def finish(self) -> Track | None:
        """Return the track; None where no frame showed a face."""
        return Track(self._recorder.finish(), self._width) if self._faces else None
