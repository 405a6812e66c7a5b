"""The driver's sound, carried into the output: copied where the container takes it, encoded again elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from .files import readable_file
from .formats import Format
from .sound import clock_origin, decode_frames, demux_packets, find_sound, place_frames
from .streams import open_container

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

_RATE = 48_000


class AudioTrack:
    """Sound of a media file, muxed into `output` in step with the frames written there.

    Time 0 is the first frame of the source's video. A source whose sound is damaged gives the part before the damage.
    """

    def __init__(self, path: str | os.PathLike[str], output: OutputContainer, form: Format, start: float = 0.0) -> None:
        """Open the sound of a file.

        Args:
            output: where packets go.
            path: the source.
            form: format of the output.
            start: seconds into the source at which the output begins.

        Raises:
            MediaError: the source is missing, empty or no media file.
        """
        self._path = readable_file(path)
        self._output = output
        index = find_sound(self._path)
        self._source = open_container(self._path)
        self._samples = 0
        self._packets: Iterator[tuple[float, Packet]] = iter(())
        self._next: tuple[float, Packet] | None = None
        if index is None or form.audio_codec is None:
            return
        stream: AudioStream = self._source.streams.audio[index]
        self._origin = clock_origin(self._source, stream, start)
        if stream.codec_context.name in form.audio_copied:
            self._target = output.add_stream_from_template(stream)
            packets = self._copy(stream)
        else:
            layout = "mono" if len(stream.codec_context.layout.channels) == 1 else "stereo"
            self._target = output.add_stream(form.audio_codec, rate=_RATE, layout=layout)
            packets = self._encode(stream)
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

    def _copy(self, stream: AudioStream) -> Iterator[tuple[float, Packet]]:
        for packet in demux_packets(self._source, stream, self._path):
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

    def _encode(self, stream: AudioStream) -> Iterator[tuple[float, Packet]]:
        frames = decode_frames(self._source, stream, self._path)
        target = self._target
        for frame in place_frames(frames, target.format.name, target.layout.name, _RATE, self._origin):
            yield from self._time_packets(frame)
        if self._samples:
            yield from self._time_packets(None)

    def _time_packets(self, frame: AudioFrame | None) -> Iterator[tuple[float, Packet]]:
        """Packets of the frame (None: the rest), which begins where the one before ended: jitter is closed."""
        if frame is not None:
            frame.pts, frame.time_base = self._samples, Fraction(1, _RATE)
            self._samples += frame.samples
        for packet in self._target.encode(frame):
            yield float(packet.pts * packet.time_base), packet
