"""Sound that goes along with frames which were cut, repeated, held or played backward."""

from __future__ import annotations

import os
import wave
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..types import SOUND, Motion
from .files import atomic_output
from .sound import SoundReader, find_sound

_EVEN_PACE = 0.25
"""Frames that a step between two frames' times may be off a whole one and still be playing on."""
_FADE_SECONDS = 0.004
"""In which the sound fades at a cut, which would click."""
_BLOCK = 32
"""Frames of a video that are held at once, so that those which are played backward need not be read one by one."""
_SAME_SECONDS = 0.1
"""Between the lengths of a sound and of itself: codecs pad."""


def is_retimed(times: np.ndarray | None, fps: float) -> bool:
    """Whether frames with these `times` [T] in seconds are others than the first T of their source, one by one."""
    return times is not None and bool(np.abs(times * fps - np.arange(len(times))).max() > _EVEN_PACE)


def retime(samples: np.ndarray, rate: int, times: np.ndarray, fps: float) -> np.ndarray:
    """Return the sound of frames that lie at `times` of it: cut, repeated and reversed as they are; held ones are mute.

    Args:
        samples: [C, N] of any type, whose first sample is at second 0.
        rate: samples a second.
        times: [T] seconds of each frame.
        fps: at which the frames are shown.

    Returns:
        [C, round(T * rate / fps)], silent where the times lie outside of the sound.
    """
    result = np.zeros((len(samples), round(len(times) * rate / fps)), samples.dtype)
    for first, last, pace in _runs(times, fps):
        start, end = round(first * rate / fps), min(round(last * rate / fps), result.shape[1])
        if pace == 0 or end <= start:
            continue
        begin = times[first] if pace > 0 else times[last - 1]
        part = _cut(samples, round(begin * rate), end - start)
        inner = first > 0, last < len(times)
        result[:, start:end] = _fade(part if pace > 0 else part[:, ::-1], round(_FADE_SECONDS * rate), *inner)
    return result


def frames_at(frames: Iterable[np.ndarray], times: np.ndarray | None, fps: float) -> Iterator[np.ndarray]:
    """Yield the frames at `times` [T] of a video at `fps`, which is begun anew where they jump back; None: all of it.

    After its end its last frame is held.
    """
    if not is_retimed(times, fps) or times is None:
        yield from frames
        return
    wanted = np.maximum(np.round(times * fps).astype(int), 0)
    coming, reached, frame = iter(frames), -1, None
    for start in range(0, len(wanted), _BLOCK):
        block = wanted[start : start + _BLOCK]
        if block.min() < reached:
            coming, reached = iter(frames), -1
        held: dict[int, np.ndarray] = {}
        for number in np.unique(block).tolist():
            while reached < number and (following := next(coming, None)) is not None:
                frame, reached = following, reached + 1
            if frame is not None:
                held[number] = frame
        yield from (held[number] for number in block.tolist() if number in held)


def follows(motion: Motion, seconds: float) -> bool:
    """Whether a sound of this length is the one that a motion, whose frames are no longer the first ones, came with."""
    known = motion.extra.get(SOUND, "")
    same = known.replace(".", "", 1).isdecimal() and abs(float(known) - seconds) <= _SAME_SECONDS
    return same and is_retimed(motion.times, motion.fps)


@contextmanager
def sound_file(
    motion: Motion, source: str | os.PathLike[str] | None, own: bool = True
) -> Iterator[str | os.PathLike[str] | None]:
    """A file with the sound of `source` in step with a motion: the source itself where no frame was moved.

    `own`: it is the sound that the motion came with; else its length tells, see `follows`.
    """
    if source is None or not is_retimed(motion.times, motion.fps) or find_sound(source) is None:
        yield source
        return
    reader = SoundReader(source)
    samples = np.concatenate([np.zeros((reader.channels, 0), np.float32), *reader], axis=1)
    if not own and not follows(motion, samples.shape[1] / reader.rate):
        yield source
        return
    with TemporaryDirectory(prefix="gagavatar-") as folder:
        path = Path(folder) / "sound.wav"
        write_wav(path, retime(samples, reader.rate, motion.clock, motion.fps), reader.rate)
        yield path


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    """Write samples [C, N] float -1..1 as 16-bit WAV."""
    whole = np.clip(np.round(samples * 32768), -32768, 32767)
    with atomic_output(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(len(whole))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(whole.T.astype("<i2").tobytes())


def _runs(times: np.ndarray, fps: float) -> Iterator[tuple[int, int, int]]:
    """Yield first and last (not included) of frames that play on in one way: forward (1), backward (-1), held (0)."""
    steps = np.clip(np.diff(times) * fps, -9, 9)
    paces = np.round(steps).astype(int)
    paces[(np.abs(steps - paces) > _EVEN_PACE) | (np.abs(paces) > 1)] = 2  # a cut
    first = 0
    while first < len(times):
        pace = int(paces[first]) if first < len(paces) and paces[first] != 2 else 1
        last = first + 1
        while last < len(times) and paces[last - 1] == pace:
            last += 1
        yield first, last, pace
        first = last


def _cut(samples: np.ndarray, start: int, count: int) -> np.ndarray:
    """[C, count] from `start` on, which may lie outside."""
    part = np.zeros((len(samples), count), samples.dtype)
    low, high = max(start, 0), min(start + count, samples.shape[1])
    if high > low:
        part[:, low - start : high - start] = samples[:, low:high]
    return part


def _fade(samples: np.ndarray, count: int, begins: bool, ends: bool) -> np.ndarray:
    """Return the sound, which fades in if it `begins` at a cut and out if it `ends` at one."""
    count = min(count, samples.shape[1] // 2)
    ramp = np.ones(samples.shape[1])
    if begins:
        ramp[:count] = np.arange(count) / max(count, 1)
    if ends:
        ramp[samples.shape[1] - count :] = np.arange(count)[::-1] / max(count, 1)
    return (samples * ramp).astype(samples.dtype)
