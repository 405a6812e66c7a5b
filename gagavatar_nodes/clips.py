"""Performances as clips of MoviePy, to be cut, captioned and composited in scripts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from .avatars import Performance
from .output import Look, compose_frames
from .packages import load_package

if TYPE_CHECKING:
    from moviepy import AudioClip, VideoClip

_ROUNDING = 1e-6
"""Seconds: MoviePy asks for times that are rounded sums of periods."""


def make_clip(
    performance: Performance, look: Look | None = None, audio_from: str | os.PathLike[str] | None = None
) -> VideoClip:
    """Return a MoviePy clip whose frames are drawn when they are asked for.

    Frames that are asked for in order are computed ahead; a jump in time begins there anew.

    Args:
        performance: from `Avatar.perform`.
        look: size, background and layout. Without a background, or without a look, the clip has a mask of the alpha.
        audio_from: file whose sound goes along, in step with the first frame; one without sound is fine.

    Raises:
        GagavatarError: there is no MoviePy.
        MediaError: the sound's file is missing or no media file.
    """
    moviepy = load_package("moviepy", "A clip", "MoviePy", 'pip install "gagavatar-nodes[moviepy]"')
    look = look or Look()
    transparent = look.background is None and look.stitcher is None and look.comparison is None
    frames = _Frames(performance, _without_background(look) if transparent else look)
    duration = len(performance) / performance.fps
    clip = moviepy.VideoClip(lambda time: frames.at(time)[..., :3], duration=duration).with_fps(performance.fps)
    if transparent:
        mask = moviepy.VideoClip(lambda time: frames.at(time)[..., 3] / 255.0, is_mask=True, duration=duration)
        clip = clip.with_mask(mask.with_fps(performance.fps))
    sound = None if audio_from is None else _sound(audio_from, duration)
    return clip if sound is None else clip.with_audio(sound)


class _Frames:
    """The frames of a performance by time. Picture and mask of one moment are one drawing."""

    def __init__(self, performance: Performance, look: Look) -> None:
        self._performance, self._look = performance, look
        self._index, self._frame = -1, np.empty(0, np.uint8)
        self._coming = self._compose(0)

    def at(self, time: float) -> np.ndarray:
        """Return the frame [H, W, 3 or 4] uint8 that is shown at `time` seconds."""
        index = int(np.clip((time + _ROUNDING) * self._performance.fps, 0, len(self._performance) - 1))
        if index != self._index:
            if index != self._index + 1:
                self._coming = self._compose(index)
            self._frame, self._index = next(self._coming), index
        return self._frame

    def _compose(self, index: int) -> Iterator[np.ndarray]:
        """Yield the frames from `index` on. What moves beside or behind the head moves from the first frame on."""
        from .media.backgrounds import VideoBackground

        moving = self._look.comparison is not None or isinstance(self._look.background, VideoBackground)
        start = 0 if moving else index
        return islice(
            compose_frames(self._performance, self._look, range(start, len(self._performance))), index - start, None
        )


def _without_background(look: Look) -> Look:
    from .media.backgrounds import ColorBackground

    return replace(look, background=ColorBackground(None))


def _sound(path: str | os.PathLike[str], duration: float) -> AudioClip | None:
    """Return the sound of a file up to `duration`; None where it has none."""
    from moviepy.audio.AudioClip import AudioArrayClip

    from .media.sound import SoundReader, find_sound

    if find_sound(path) is None:
        return None
    reader = SoundReader(path, channels=2)
    blocks: list[np.ndarray] = []
    missing = round(duration * reader.rate)
    for block in reader:
        blocks.append(block[:, :missing])
        missing -= blocks[-1].shape[1]
        if missing <= 0:
            break
    return AudioArrayClip(np.concatenate(blocks, axis=1).T, fps=reader.rate) if blocks else None
