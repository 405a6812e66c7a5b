"""Driving films as people have them: clocks, sound, display matrices, colors. Makers (path) -> path."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

import numpy as np

import films

FPS, FLASH = 10, 0.8
"""Frames a second, and the second of a white frame with a beep, of the films with sound."""
EDGE = 256
COVERED = slice(14, 26)
"""Frames of `covered` whose mouth is."""
_RATE, _BEEP = 48000, 0.1
_MILLISECONDS = Fraction(1, 1000)
MATRICES = {
    "mirrored": (-1, 0, 0, 1), "flipped": (1, 0, 0, -1), "upside down": (-1, 0, 0, -1), "clockwise": (0, 1, -1, 0),
    "counterclockwise": (0, -1, 1, 0), "transposed": (0, 1, 1, 0), "transversed": (0, -1, -1, 0),
}  # fmt: skip
"""a, b, c, d of a track's matrix: x' = a x + c y, y' = b x + d y."""


@cache
def frames(count: int = 12) -> tuple[np.ndarray, ...]:
    """[EDGE, EDGE, 3] uint8 each: the synthetic head, which looks about and talks."""
    import cv2

    step = len(films.driver()) // count
    return tuple(
        cv2.resize(frame, (EDGE, EDGE), interpolation=cv2.INTER_AREA) for frame in films.driver()[: step * count : step]
    )


def stored(matrix: Sequence[int], pixels: np.ndarray) -> np.ndarray:
    """[H, W, 3] what a file stores that players show as `pixels` by its matrix."""
    a, b, c, d = matrix
    flipped = pixels[:: b + d, :: a + c]
    return np.ascontiguousarray(flipped.transpose(1, 0, 2) if a == 0 else flipped)


def flash_and_beep(
    path: Path,
    at: float = FLASH,
    seconds: float = 1.2,
    starts: float = 0.0,
    silent: tuple[float, float] = (0.0, 0.0),
    heard: float | None = None,
    codec: str = "aac",
    tracks: int = 1,
    fps: int = FPS,
    pictures: Sequence[np.ndarray] | None = None,
    kept: Callable[[int], bool] = lambda index: True,
) -> Path:
    """Write frames, white from `at` on for a tenth of a second, and a beep at that moment.

    Args:
        path: its extension chooses the container.
        at: seconds after the first frame.
        seconds: of the picture.
        starts: seconds of sound before the first frame.
        silent: seconds after the first frame between which the sound has no packets.
        heard: seconds of the sound; those of the picture by default.
        codec: of the sound.
        tracks: of sound; only the last has the beep.
        fps: frames a second.
        pictures: what is seen beside the flash, repeated; the synthetic head by default.
        kept: whether a frame is written; one that is not lets the frame before it stand.
    """
    import av

    pictures = frames() if pictures is None else pictures
    height, width = pictures[0].shape[:2]
    white = np.full((height, width, 3), 255, np.uint8)
    with av.open(str(path), "w") as container:
        video = _add_video(container, width, height, fps)
        sounds = [container.add_stream(codec, rate=_RATE, layout="mono") for _ in range(tracks)]
        for index in range(round(fps * seconds)):
            flash = at - 1e-6 <= index / fps < at + _BEEP - 1e-6
            if kept(index) or flash:
                frame = white if flash else pictures[index % len(pictures)]
                container.mux(video.encode(_picture(frame, index / fps + starts)))
        container.mux(video.encode(None))
        for track, sound in enumerate(sounds):
            samples = np.zeros((1, round(_RATE * ((seconds if heard is None else heard) + starts))), np.int16)
            beep = round(_RATE * (at + starts))
            if track == tracks - 1:
                tone = samples[0, beep : beep + round(_RATE * _BEEP)]
                tone[:] = 20000 * np.sin(np.arange(len(tone)) / 3)
            for packet in _encode_sound(sound, samples):
                time = float(packet.pts * packet.time_base) - starts
                if not silent[0] <= time < silent[1]:
                    container.mux(packet)
    return path


def silent_film(path: Path, pictures: Sequence[np.ndarray] | None = None, fps: int = FPS) -> Path:
    """Write frames, the synthetic head's by default, without sound."""
    import av

    pictures = frames() if pictures is None else pictures
    with av.open(str(path), "w") as container:
        video = _add_video(container, pictures[0].shape[1], pictures[0].shape[0], fps)
        for index, frame in enumerate(pictures):
            container.mux(video.encode(_picture(frame, index / fps)))
        container.mux(video.encode(None))
    return path


def displayed(path: Path, matrix: Sequence[int]) -> Path:
    """Write frames stored in another way, as the display matrix tells players."""
    return with_matrix(silent_film(path, [stored(matrix, frame) for frame in frames()]), matrix)


def with_matrix(path: Path, matrix: Sequence[int]) -> Path:
    """Return the MP4 with another matrix in its video's track header."""
    data = path.read_bytes()
    unit = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    a, b, c, d = (value << 16 for value in matrix)
    start = data.index(unit, data.index(b"tkhd"))
    path.write_bytes(data[:start] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[start + len(unit) :])
    return path


def unknown_codec(path: Path, tracks: int = 1) -> Path:
    """Return the MP4, the first of its `tracks` of AAC marked as a codec that no decoder knows."""
    data = path.read_bytes()
    if data.count(b"esds") != tracks:
        raise ValueError(f"Got {data.count(b'esds')} tracks of AAC but expected {tracks}")
    first = data.index(b"esds")
    start = data.rindex(b"mp4a", 0, first)
    path.write_bytes(data[:start] + b"xx4a" + data[start + 4 : first] + b"xsds" + data[first + 4 :])
    return path


def trimmed(path: Path, start: float, seconds: float) -> Path:
    """Return the MP4 of one track made to show `seconds` from `start` on, as phones trim: its edit list says so."""
    raw = bytearray(path.read_bytes())

    def scale_of(box: bytes, offset: int) -> int:
        return struct.unpack_from(">I", raw, raw.index(box) + 4 + offset)[0]

    movie, media = scale_of(b"mvhd", 12), scale_of(b"mdhd", 12)
    edit = raw.index(b"elst") + 12
    offset = struct.unpack_from(">i", raw, edit + 4)[0]
    struct.pack_into(">Ii", raw, edit, round(seconds * movie), offset + round(start * media))
    struct.pack_into(">I", raw, raw.index(b"mvhd") + 20, round(seconds * movie))
    struct.pack_into(">I", raw, raw.index(b"tkhd") + 24, round(seconds * movie))
    path.write_bytes(raw)
    return path


def colored(
    path: Path, signal: np.ndarray, transfer: int, primaries: int, matrix: int, color_range: int = 1, count: int = 2
) -> Path:
    """Write a lossless 10-bit film of 16-bit RGB, marked as of these colors of H.273 (range: 1 limited, 2 full)."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=FPS)
        stream.height, stream.width = signal.shape[:2]
        stream.pix_fmt = "yuv444p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries = transfer, primaries
        context.colorspace, context.color_range = matrix, color_range
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(signal, format="rgb48le").reformat(
                format="yuv444p10le", dst_colorspace=9 if matrix == 9 else 1, dst_color_range=color_range
            )
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def hdr(path: Path, transfer: int) -> Path:
    """Write a film of the bundled portrait in PQ or HLG with BT.2020's primaries, its white at the reference white."""
    from gagavatar_nodes.media.color import HLG
    from odd_pictures import hlg_signal, pq_signal

    signal = hlg_signal() if transfer == HLG else pq_signal()
    return colored(path, np.round(65535 * signal).astype(np.uint16), transfer, 9, 9)


def cut_off_below(path: Path, row: int = 262) -> Path:
    """Write the synthetic head without its mouth: the picture ends at `row` of 448."""
    return silent_film(path, [np.ascontiguousarray(frame[: row * EDGE // 448 // 2 * 2]) for frame in frames()])


def covered(thing: str) -> list[np.ndarray]:
    """Return every second frame of the synthetic head, a third of them with a "hand" or a "microphone" at the mouth."""
    import cv2

    from gagavatar_nodes.tracking.faces import find_faces

    shown = [frame.copy() for frame in films.driver()[::2]]
    for frame in shown[COVERED]:
        points = find_faces(frame)[0].points[:, :2]
        (left, right), height = points[[61, 291]], float(np.linalg.norm(points[152] - points[2]))
        mouth, width = (left + right) / 2, float(np.linalg.norm(right - left))
        if thing == "hand":
            x, y = points[151].astype(int)
            skin = tuple(frame[y - 4 : y + 4, x - 8 : x + 8].mean((0, 1)).tolist())
            for finger in range(4):
                ends = [mouth + np.array([way * width, (0.2 * finger - 0.3) * height]) for way in (-1.1, 1.1)]
                line = [tuple(int(value) for value in end) for end in ends]
                cv2.line(frame, *line, tuple(0.75 * value for value in skin), round(0.24 * height), cv2.LINE_AA)
                cv2.line(frame, *line, skin, round(0.19 * height), cv2.LINE_AA)
        else:
            middle = tuple(int(value) for value in mouth + np.array([0, 0.25 * height]))
            cv2.circle(frame, middle, round(0.62 * width), (30, 30, 32), -1, cv2.LINE_AA)
    return shown


def as_film(pictures: Callable[[], list[np.ndarray]]) -> Callable[[Path], Path]:
    """Return a maker of a film of `films`, at a third of its rate."""
    return lambda path: silent_film(path, pictures()[::3], films.FPS // 3)


def _add_video(container, width: int, height: int, fps: int):
    video = container.add_stream("libx264", rate=fps, options={"crf": "8", "preset": "veryfast"})
    video.width, video.height, video.pix_fmt = width, height, "yuv420p"
    video.codec_context.time_base = _MILLISECONDS
    return video


def _picture(frame: np.ndarray, seconds: float):
    import av

    picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
    picture.pts, picture.time_base = round(1000 * seconds), _MILLISECONDS
    return picture


def _encode_sound(stream, samples: np.ndarray) -> list:
    import av

    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = _RATE, 0, Fraction(1, _RATE)
    return [*stream.encode(frame), *stream.encode(None)]


def _unknown(path: Path, tracks: int) -> Path:
    return unknown_codec(flash_and_beep(path, tracks=tracks), tracks)


CLOCKS: dict[str, Callable[[Path], Path]] = {
    "in_step.mp4": flash_and_beep,
    "picture_starts_late.mp4": partial(flash_and_beep, starts=1.0),
    "picture_starts_late.mkv": partial(flash_and_beep, starts=0.7, codec="mp3"),
    "sound_starts_late.mp4": partial(flash_and_beep, silent=(-1.0, 0.5)),
    "sound_has_a_gap.mkv": partial(flash_and_beep, silent=(0.15, 0.6)),
    "sound_is_longer.mp4": partial(flash_and_beep, heard=3.0),
    "sound_ends_early.mp4": partial(flash_and_beep, heard=0.95),
    "variable_rate.mp4": partial(flash_and_beep, kept=lambda index: index % 5 != 2),
    "frozen.mp4": partial(flash_and_beep, kept=lambda index: index < 3 or index > 7),
    "first_sound_unknown.mp4": partial(_unknown, tracks=2),
}
"""Films in which a flash is seen and a beep heard at `FLASH`."""
