"""Sound decoded on the picture's clock: sample 0 is heard as the first frame is seen; gaps are silence."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import MediaError
from . import budget
from .files import readable_file
from .streams import moving_picture, open_container

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

_PROBED_PACKETS = 64
"""Packets after which a stream that gave no sound counts as one that cannot be decoded."""
_TOLERANCE = 0.03
"""Seconds that a frame may be off its place before silence is put in or samples are left out: times are rounded."""
_MOST_PLANES = 7
"""Channels in planes of their own: of eight, PyAV reads beyond the last one, and the program ends."""
_BLOCK = 1 << 16
"""Samples of silence given at once."""
_log = logging.getLogger(__name__)


class SoundReader:
    """The sound of a media file as blocks of samples, decoded in constant memory.

        for block in SoundReader("talk.mp4", rate=16000, channels=1):  # [C, N] float32 -1..1
            ...

    Sample 0 belongs to the first frame of the picture, or to the first sound where there is no picture. Gaps are
    silence. Sound that is damaged gives the part before the damage. Each iteration starts at the beginning.

    Raises:
        MediaError: the file is missing, empty, no media file, or has no sound that can be decoded.
    """

    rate: int
    """Samples a second."""
    channels: int

    def __init__(
        self,
        path: str | os.PathLike[str],
        rate: int | None = None,
        channels: int | None = None,
        start: float = 0.0,
    ) -> None:
        """Open the sound of a file.

        Args:
            path: of a file with sound.
            rate: resample to so many samples a second; None keeps the file's.
            channels: 1 or 2 mix down or up; None keeps the file's, but mixes more than 7 to 6.
            start: seconds after the first frame at which sample 0 lies.
        """
        self.path = readable_file(path)
        self._start = start
        index = find_sound(self.path)
        if index is None:
            raise MediaError(f"{self.path} has no sound that can be decoded: give a file with sound, or go on without")
        self._index = index
        with open_container(self.path) as container:
            stream = container.streams.audio[index]
            self.rate = rate or stream.rate
            own = stream.layout.name if stream.channels <= _MOST_PLANES else "5.1"
            self._layout = {None: own, 1: "mono", 2: "stereo"}[channels]
            self.channels = channels or (stream.channels if stream.channels <= _MOST_PLANES else 6)

    def __iter__(self) -> Iterator[np.ndarray]:
        with open_container(self.path) as container:
            stream = container.streams.audio[self._index]
            frames = decode_frames(container, stream, self.path)
            origin = clock_origin(container, stream, self._start)
            given, bounds = 0, budget.current.get()
            for frame in place_frames(frames, "fltp", self._layout, self.rate, origin):
                given += frame.samples
                if bounds is not None:
                    bounds.check_length(self.path, given / self.rate)
                yield frame.to_ndarray()


def find_sound(path: str | os.PathLike[str]) -> int | None:
    """Index among a file's sound streams of the first that can be decoded; None, with a warning, where none can.

    Raises:
        MediaError: it is missing, empty or no media file.
    """
    import av

    file = readable_file(path)
    try:
        with open_container(file) as container:
            count = len(container.streams.audio)
            for index in range(count):
                if _gives_sound(file, index):
                    return index
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(f"{file} has no sound that can be read ({error}): go on without it (--no-audio)") from error
    if count:
        _log.warning("%s: its sound is in a form that cannot be decoded and is left out", file)
    return None


def clock_origin(container: InputContainer, stream: AudioStream, start: float = 0.0) -> float:
    """Time in the container, in seconds, that is `start` seconds after the first frame, or after the first sound."""
    video = moving_picture(container)
    first = stream if video is None or video.start_time is None else video
    return start + float((first.start_time or 0) * first.time_base)


def decode_frames(container: InputContainer, stream: AudioStream, path: Path) -> Iterator[AudioFrame]:
    """Yield the stream's frames up to its end, or with a warning up to a damage of the container."""
    for packet in demux_packets(container, stream, path):
        yield from _decode(packet)


def demux_packets(container: InputContainer, stream: AudioStream, path: Path) -> Iterator[Packet]:
    """Yield the stream's packets up to its end, or with a warning up to a damage of the container."""
    import av

    try:
        yield from container.demux(stream)
    except av.error.FFmpegError as error:
        _log.warning("%s: the sound is damaged (%s): the part before is used", path, error)


def place_frames(
    frames: Iterable[AudioFrame], form: str, layout: str, rate: int, origin: float
) -> Iterator[AudioFrame]:
    """Bring timed frames into one format and into one unbroken row that begins at `origin`.

    What lies before the origin or over sound that was given already is left out; what is missing becomes silence.

    Args:
        frames: in any formats, in order.
        form: ffmpeg's sample format, such as "fltp".
        layout: ffmpeg's channel layout, such as "stereo".
        rate: samples a second.
        origin: seconds on the frames' clock at which the row begins.
    """
    import av

    resampler, kind = None, None
    given = 0.0  # samples, with those that the resampler still holds
    for frame in frames:
        gap = 0.0 if frame.time is None else (frame.time - origin) * rate - given
        frame = _in_few_planes(frame)
        now = frame.format.name, frame.layout.name, frame.sample_rate
        if resampler is None or kind != now or abs(gap) > _TOLERANCE * rate:
            if resampler is not None:
                yield from resampler.resample(None)
                resampler = None
            silent = max(round(gap), 0)
            yield from _silence(silent, form, layout, rate)
            given += silent
            excess = round(max(-gap, 0) * frame.sample_rate / rate)
            if excess >= frame.samples:
                continue
            frame = _without_head(frame, excess)
            resampler, kind = av.AudioResampler(form, layout, rate), now
        given += frame.samples * rate / frame.sample_rate
        frame.pts = None
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)


def _gives_sound(file: Path, index: int) -> bool:
    import av

    with open_container(file) as container:
        stream = container.streams.audio[index]
        if stream.codec_context is None:
            return False
        try:
            for count, packet in enumerate(container.demux(stream)):
                if _decode(packet):
                    return True
                if count >= _PROBED_PACKETS:
                    return False
        except av.error.FFmpegError:
            return False
    return False


def _decode(packet: Packet) -> list[AudioFrame]:
    """Return the packet's frames; none of a damaged one, which is a click and not the end."""
    import av

    try:
        return packet.decode()
    except av.error.FFmpegError:
        return []


def _silence(samples: int, form: str, layout: str, rate: int) -> Iterator[AudioFrame]:
    import av

    while samples > 0:
        frame = av.AudioFrame(form, layout, min(samples, _BLOCK))
        frame.sample_rate = rate
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        samples -= frame.samples
        yield frame


def _in_few_planes(frame: AudioFrame) -> AudioFrame:
    import av

    if not frame.format.is_planar or frame.layout.nb_channels <= _MOST_PLANES:
        return frame
    frame.pts = None
    return av.AudioResampler(frame.format.packed.name, frame.layout.name, frame.sample_rate).resample(frame)[0]


def _without_head(frame: AudioFrame, samples: int) -> AudioFrame:
    import av

    if samples == 0:
        return frame
    values = frame.to_ndarray()
    step = 1 if frame.format.is_planar else frame.layout.nb_channels
    rest = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(values[:, samples * step :]), frame.format.name, frame.layout.name
    )
    rest.sample_rate = frame.sample_rate
    return rest
