"""The driver's sound, carried into the output: copied where the container takes it, encoded again elsewhere."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..errors import MediaError
from .files import readable_file
from .formats import Format
from .streams import moving_picture, open_container

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

_RATE = 48_000
_log = logging.getLogger(__name__)


class AudioTrack:
    """Sound of a media file, muxed into `output` in step with the frames written there.

    Time 0 is the first frame of the source's video. A source whose sound is damaged gives the part before the damage.
    """

    def __init__(self, path: str | os.PathLike[str], output: OutputContainer, form: Format, start: float = 0.0) -> None:
        """Args:
        start: seconds into the source at which the output begins.

        Raises:
            MediaError: the source is missing, empty or no media file.
        """
        import av

        self._path = readable_file(path)
        self._output = output
        try:
            self._source = open_container(self._path)
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(f"{self._path} has no sound that can be read ({error}): go on without it") from error
        stream: AudioStream | None = next(iter(self._source.streams.audio), None)
        self._samples = 0
        self._packets: Iterator[tuple[float, Packet]] = iter(())
        self._next: tuple[float, Packet] | None = None
        if stream is None or form.audio_codec is None:
            return
        video = moving_picture(self._source)
        self._origin = start
        if video is not None and video.start_time is not None:
            self._origin += float(video.start_time * video.time_base)
        if stream.codec_context.name in form.audio_copied:
            self._target = output.add_stream_from_template(stream)
            packets = self._copied(stream)
        else:
            layout = "mono" if len(stream.codec_context.layout.channels) == 1 else "stereo"
            self._target = output.add_stream(form.audio_codec, rate=_RATE, layout=layout)
            packets = self._encoded(stream)
        if start > 0:
            self._source.seek(int(self._origin * 1_000_000), backward=True, any_frame=False)
        self._packets = packets

    def mux_until(self, seconds: float) -> None:
        """Write the sound that starts before `seconds` of the output."""
        while True:
            self._next = self._next or next(self._packets, None)
            if self._next is None or self._next[0] >= seconds:
                return
            self._output.mux(self._next[1])
            self._next = None

    def close(self) -> None:
        """Release the source."""
        self._source.close()

    def _copied(self, stream: AudioStream) -> Iterator[tuple[float, Packet]]:
        for packet in self._demuxed(stream):
            if packet.pts is None or packet.dts is None:
                continue
            base = float(packet.time_base)
            time = packet.pts * base - self._origin
            if time < -1.5 * (packet.duration or 0) * base:  # the packet before the first primes the decoder
                continue
            shift = round(self._origin / base)
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = self._target
            yield time, packet

    def _encoded(self, stream: AudioStream) -> Iterator[tuple[float, Packet]]:
        import av

        resampler = av.AudioResampler(self._target.format, self._target.layout, _RATE)
        started = False
        for frame in self._decoded(stream):
            time = frame.time - self._origin if frame.time is not None else 0.0
            if not started and time + frame.samples / frame.sample_rate <= 0:
                continue
            if not started and time > 0:
                yield from self._timed(self._silence(round(time * _RATE)))
            started = True
            frame.pts = None
            for resampled in resampler.resample(frame):
                yield from self._timed(resampled)
        if started:
            yield from self._timed(None)

    def _timed(self, frame: AudioFrame | None) -> Iterator[tuple[float, Packet]]:
        """Packets of the frame (None: the rest), which begins where the one before ended: jitter is closed."""
        if frame is not None:
            frame.pts, frame.time_base = self._samples, Fraction(1, _RATE)
            self._samples += frame.samples
        for packet in self._target.encode(frame):
            yield float(packet.pts * packet.time_base), packet

    def _silence(self, samples: int) -> AudioFrame:
        import av

        layout, form = self._target.layout, self._target.format
        planes = len(layout.channels)
        shape = (planes, samples) if form.is_planar else (1, samples * planes)
        dtype = {"flt": np.float32, "dbl": np.float64, "s16": np.int16, "s32": np.int32}[form.packed.name]
        frame = av.AudioFrame.from_ndarray(np.zeros(shape, dtype), format=form.name, layout=layout.name)
        frame.sample_rate = _RATE
        return frame

    def _demuxed(self, stream: AudioStream) -> Iterator[Packet]:
        import av

        try:
            yield from self._source.demux(stream)
        except av.error.FFmpegError as error:
            _log.warning("%s: the sound is damaged (%s): the part before is used", self._path, error)

    def _decoded(self, stream: AudioStream) -> Iterator[AudioFrame]:
        import av

        for packet in self._demuxed(stream):
            try:
                yield from packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:  # one bad packet: a click, not the end
                continue
