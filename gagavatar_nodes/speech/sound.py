"""Sound as speech models hear it: one channel at 16 kHz, streamed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..errors import MediaError
from ..media.sound import SoundReader, place_frames
from .network import RATE

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

_PART = 1 << 16  # samples of an array that are resampled at once


class Sound:
    """Mono samples at 16 kHz, in blocks, as often as they are asked for.

    Channels are averaged. Sample 0 belongs to the first frame of a video, see `media.sound.SoundReader`.
    """

    name: str
    """For people."""
    seconds: float | None
    """Length, where it is known before the sound is decoded."""

    def __init__(
        self, blocks: Callable[[], Iterable[np.ndarray]], name: str = "sound", seconds: float | None = None
    ) -> None:
        """`blocks` begins anew at each call; its arrays [N] float32 follow one another."""
        self._blocks, self.name, self.seconds = blocks, name, seconds

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Sound:
        """Return the sound of a media file, of any format, rate and number of channels.

        Raises:
            MediaError: the file is missing, empty, no media file, or has no sound that can be decoded.
        """
        reader = SoundReader(path, rate=RATE)
        return cls(lambda: (block.mean(0) for block in reader), reader.path.name)

    @classmethod
    def of(cls, samples: np.ndarray, rate: int, name: str = "sound") -> Sound:
        """Return the sound of samples [C, N] or [N], full scale -1..1, at `rate` a second.

        Raises:
            MediaError: there are no samples, or the rate is none.
        """
        channels = np.atleast_2d(np.asarray(samples))
        if channels.ndim != 2 or channels.size == 0:
            raise MediaError(f"{name} has no samples: connect a sound with something in it")
        if rate <= 0:
            raise MediaError(f"{name} has {rate} samples a second: give its rate, such as 44100")
        return cls(lambda: _resample(channels, int(rate)), name, channels.shape[1] / rate)

    def blocks(self) -> Iterator[np.ndarray]:
        """Arrays [N] float32 of a second or more; NaN and infinity are silence."""
        kept: list[np.ndarray] = []
        for part in self._blocks():
            kept.append(np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0))
            if sum(map(len, kept)) >= RATE:
                yield np.concatenate(kept)
                kept = []
        if kept:
            yield np.concatenate(kept)


def _resample(channels: np.ndarray, rate: int) -> Iterator[np.ndarray]:
    for frame in place_frames(_frames(channels, rate), "fltp", "mono", RATE, 0.0):
        yield frame.to_ndarray()[0]


def _frames(channels: np.ndarray, rate: int) -> Iterator[AudioFrame]:
    import av

    for start in range(0, channels.shape[1], _PART):
        mono = np.nan_to_num(channels[:, start : start + _PART].astype(np.float32)).mean(0, keepdims=True)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mono), format="fltp", layout="mono")
        frame.sample_rate = rate
        yield frame
