"""Videos as a stream of RGB frames at a constant rate."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..background import Prefetch
from ..errors import MediaError
from . import budget
from .animations import Animation
from .files import readable_file
from .images import read_image
from .kinds import media_kind
from .seeking import packets_before
from .sniffing import picture_without_reader
from .streams import (
    apply_display_matrix,
    color_conversion,
    display_matrix,
    display_size,
    frame_to_rgb,
    moving_picture,
    open_container,
)
from .timing import DEFAULT_FPS, LONGEST_STEP, as_fraction, at_constant_rate, constant_fps

MAX_EDGE = 2048
"""Frames are shrunk while they are decoded until their longer edge is at most this."""

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_QUEUE = 4
_TS_DISCONT = 0x0200
"""FFmpeg's flag of formats whose clock may jump."""
_STEADY = 0.95
"""Share of the rate of the frames that move from which the average is theirs; under it some frames stand."""
_FIELDS = (0.48, 0.52)
"""Share at which the other rate is that of the fields of an interlaced film."""
_FASTEST = 60
_SHORTFALL = 0.95
"""A video with a smaller share of the frames that its header names was cut off."""

_log = logging.getLogger(__name__)


class VideoReader:
    """The frames of a video, an animated or still picture, decoded in a background thread in constant memory.

        with VideoReader("driver.mp4") as video:
            for frame in video:  # [H, W, 3] uint8 RGB
                ...

    The display matrix (turned, mirrored), colors (HDR, wide gamuts) and non-square pixels are applied; a variable frame
    rate is brought to `fps` by the frames' times, so the same array may come more than once: do not write into frames.
    Each iteration starts at the beginning.

    Raises:
        MediaError: missing, empty or damaged file, only sound, or no media at all; a rate out of `timing.FPS_RANGE`.
    """

    fps: float
    """Frames a second that iteration gives."""
    width: int
    """Pixels, upright."""
    height: int
    duration: float | None
    """Seconds, as the file says; None when it does not."""
    frame_count: int | None
    """About how many frames will come; None when the file does not say."""
    has_audio: bool
    damage: str | None
    """After iteration: what was wrong with the file, when only a part could be read."""

    def __init__(
        self, path: str | os.PathLike[str], fps: float | Fraction | None = None, max_edge: int = MAX_EDGE
    ) -> None:
        """Open a video or a picture.

        Args:
            path: of a video or picture.
            fps: resample to this rate; None keeps the video's own, the average one where it varies.
            max_edge: shrink frames until their longer edge is at most this.
        """
        self.path = readable_file(path)
        self.damage = None
        self._max_edge = max_edge
        self._longest = LONGEST_STEP
        self._start: float | None = None
        self._running: Prefetch[np.ndarray] | None = None
        kind = media_kind(self.path)
        if kind in ("image", "animation"):
            self._open_picture(kind == "image")
        elif kind == "video":
            self._open_video()
        elif kind == "audio":
            raise MediaError(f"{self.path} holds only sound: give a video or picture with a face")
        else:
            problem = picture_without_reader(self.path)
            raise MediaError(problem or f"{self.path} is not a video or picture, or is damaged: check it in a player")
        self._rate = self._native if fps is None else as_fraction(fps)
        self.fps = float(self._rate)
        self.frame_count = None if self.duration is None else max(1, round(self.duration * self._rate))
        bounds = budget.current.get()
        if bounds is not None:
            bounds.check_length(self.path, self.duration or 0.0)

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.frames_from(0)

    def frames_from(self, first: int) -> Iterator[np.ndarray]:
        """Yield the frames from number `first` on. What lies long before them in a video is not decoded."""
        self.close()
        self.damage = None
        timed = budget.bounded(self._timed_frames(first), self.path)
        frames = at_constant_rate(timed, self._rate, self._last, self._longest, self._start, first)
        self._running = Prefetch(budget.bounded(frames, self.path, self.fps), _QUEUE)
        return iter(self._running)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames."""
        return self.width, self.height

    def close(self) -> None:
        """Stop decoding."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def _open_picture(self, still: bool) -> None:
        self.has_audio = False
        if still:
            rgb = read_image(self.path, self._max_edge).rgb
            self.height, self.width = rgb.shape[:2]
            self._native, self.duration, self._last = DEFAULT_FPS, float(1 / DEFAULT_FPS), 0.0
            self._timed_frames = lambda _: iter([(0.0, rgb)])
            return
        animation = Animation(self.path)
        self.width, self.height = _within(animation.width, animation.height, self._max_edge)
        self._native, self.duration = animation.fps, animation.duration
        self._last = animation.duration - animation.times[-1]
        self._timed_frames = lambda _: animation.frames(self._max_edge)

    def _open_video(self) -> None:
        import av

        try:
            with open_container(self.path) as container:
                stream = moving_picture(container)
                self.has_audio = bool(container.streams.audio)
                self._native = constant_fps(*_rates(stream))
                self._last = float(1 / self._native)
                self.duration = _duration(container, stream)
                self._shown_seconds = _shown_seconds(container, self.duration)
                self._longest = _longest_step(container, self.duration)
                first = next(container.decode(stream), None)
                width, height = display_size(stream)  # some files do not tell it before a frame is decoded
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(_undecodable(self.path, error)) from error
        if first is None or min(width, height) < 1:
            raise MediaError(_undecodable(self.path, "no frames" if first is None else f"{width} x {height} pixels"))
        bounds = budget.current.get()
        if bounds is not None:
            bounds.check_size(self.path, width, height)
        self._coded = _within(width, height, self._max_edge)
        self._matrix = display_matrix(first)
        self._start = first.time
        self.width, self.height = self._coded if self._matrix[0, 0] else self._coded[::-1]
        self._timed_frames = self._decode_from  # type: ignore[assignment]

    def _decode_from(self, wanted: int) -> Iterator[tuple[float | None, np.ndarray]]:
        """Yield times and frames, from the one that frame number `wanted` shows or one before it."""
        import av

        left_out, moment = 0, 0.0
        if wanted and self._start is not None:
            moment = self._start + wanted / self.fps
            with suppress(av.error.FFmpegError):  # a damaged file is decoded as far as that goes
                left_out = packets_before(self.path, moment, self._longest)
        frames = self._decode(left_out)
        head = next(frames, None)
        if head is not None and not (left_out and (head[0] is None or head[0] > moment)):
            yield head
        else:  # the decoder needs more than a key frame
            frames = self._decode()
        yield from frames

    def _decode(self, left_out: int = 0) -> Iterator[tuple[float | None, np.ndarray]]:
        """Yield times and frames without those of the first `left_out` packets."""
        import av

        count, expected = left_out, 0
        first, last = self._start if left_out else None, None
        problem = None
        with open_container(self.path) as container:
            stream = moving_picture(container)
            if stream is None:
                raise MediaError(_undecodable(self.path, "no moving picture"))
            stream.thread_type = "AUTO"
            expected = stream.frames
            convert = color_conversion(stream)
            try:
                for packet in islice(container.demux(stream), left_out, None):
                    frames, fault = _decode_packet(packet)
                    # What comes before the first key frame of a recording that was cut cannot be decoded, nor is it.
                    problem = problem or (fault if count else None)
                    for frame in frames:
                        first, last = frame.time if first is None else first, frame.time
                        yield frame.time, apply_display_matrix(frame_to_rgb(frame, *self._coded, convert), self._matrix)
                        count += 1
            except av.error.FFmpegError as error:  # of the container, so that there is no way on
                problem = str(error)
        if not count:
            raise MediaError(_undecodable(self.path, problem or "no frames"))
        if problem or (count < _SHORTFALL * expected and self._ends_early(first, last)):
            self.damage = f"{self.path} is damaged or cut off: only {count} of its frames can be read and are used"
            _log.warning(self.damage)

    def _ends_early(self, first: float | None, last: float | None) -> bool:
        """Whether the frames end before the film does. Trimmed films hold frames that they do not show."""
        if first is None or last is None or self._shown_seconds is None:
            return True
        return last + self._last - first < _SHORTFALL * self._shown_seconds


def _within(width: int, height: int, max_edge: int) -> tuple[int, int]:
    scale = min(1.0, max_edge / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds of the video stream, or of the container where only that is known."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


def _shown_seconds(container: InputContainer, duration: float | None) -> float | None:
    """Seconds that players show: those of the container, where it shows a part of the stream alone."""
    whole = container.duration / 1_000_000 if container.duration else None
    return min((seconds for seconds in (duration, whole) if seconds is not None), default=None)


def _rates(stream: VideoStream) -> tuple[Fraction | None, Fraction | None]:
    """Return the average rate and the one of the frames that do not stand.

    That first where stands hide the average: at a lower rate frames that move would be left out.
    """
    average, moving = stream.average_rate, stream.guessed_rate
    if average and moving and moving <= _FASTEST:
        share = average / moving
        if share < _STEADY and not _FIELDS[0] < share < _FIELDS[1]:
            return moving, average
    return average, moving


def _longest_step(container: InputContainer, duration: float | None) -> float:
    """Seconds that a frame may stand: as long as the file plays, where the format's clock does not jump by itself."""
    jumps = int(container.format.flags) & _TS_DISCONT
    return LONGEST_STEP if jumps else max(duration or 0.0, LONGEST_STEP)


def _decode_packet(packet: Packet) -> tuple[list[VideoFrame], str | None]:
    """Return the packet's frames, or why it could not be decoded: one bad packet does not spoil those after it."""
    import av

    try:
        return packet.decode(), None
    except av.error.EOFError:
        return [], None
    except av.error.FFmpegError as error:
        return [], str(error)


def _undecodable(path: Path, why: object) -> str:
    return f"{path} has no frame that can be decoded ({why}): it is damaged or truncated, copy or convert it again"
