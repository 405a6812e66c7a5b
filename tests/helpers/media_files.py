"""Makes the small media files that the tests read."""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter
from odd_films import flash_and_beep


def gradient(height: int, width: int) -> np.ndarray:
    """[H, W, 3] uint8: red grows to the right, green downwards, blue is constant."""
    y, x = np.mgrid[:height, :width]
    planes = [255 * x / (width - 1), 255 * y / (height - 1), np.full((height, width), 64)]
    return np.stack(planes, -1).round().astype(np.uint8)


def gray_levels(count: int) -> list[int]:
    """`count` gray values that stay apart from one another through lossy coding."""
    return [20 + round(200 * i / max(1, count - 1)) for i in range(count)]


def encode_video(
    path: Path,
    frames: list[np.ndarray],
    times: list[float] | None = None,
    fps: int = 10,
    seconds_of_sound: float = 0.0,
    codec: str = "libx264",
    pixels: str = "yuv444p",
    audio_codec: str = "aac",
    rotation: int = 0,
) -> Path:
    """Write `frames` at `times` (in seconds; default every 1/fps) and a 440 Hz tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=fps, options={"crf": "1"})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pixels
        video.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            video.set_display_rotation(rotation)
        sound = container.add_stream(audio_codec, rate=48000, layout="mono") if seconds_of_sound else None
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = round(1000 * (times[i] if times else i / fps))
            picture.time_base = Fraction(1, 1000)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if sound is not None:
            _mux_tone(container, sound, seconds_of_sound)
    return path


def cut_film(path: Path, film: Path, count: int) -> Path:
    """Write the first `count` frames of a film with its sound."""
    with VideoReader(film) as video, VideoWriter(path, video.fps, video.size, audio_from=film) as writer:
        for frame in islice(video, count):
            writer.write(frame)
    return path


def encode_flash_and_beep(
    path: Path,
    at: float = 1.5,
    seconds: float = 2.0,
    picture_starts: float = 0.0,
    silent: tuple[float, float] = (0.0, 0.0),
    codec: str = "aac",
) -> Path:
    """Black frames at 10 a second, and `odd_films.flash_and_beep` at a moment: the picture `picture_starts` late."""
    black = [np.zeros((48, 64, 3), np.uint8)]
    return flash_and_beep(path, at, seconds, picture_starts, silent, codec=codec, pictures=black)


def seen_and_heard(path: Path) -> tuple[float, float]:
    """Seconds from a file's first frame to its first white one, and to the first loud sample, on the file's clock."""
    with av.open(str(path)) as container:
        shown = [(f.time, f.to_ndarray(format="rgb24").mean()) for f in container.decode(container.streams.video[0])]
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            if len(loud := first_loud(frame.to_ndarray()[:1] / (1 if "flt" in frame.format.name else 32768))):
                heard = frame.time + loud[0] / frame.sample_rate
                break
    start = shown[0][0]
    return next(time for time, level in shown if level > 128) - start, heard - start


def first_loud(samples: np.ndarray) -> np.ndarray:
    """Indices of loud samples of the first channel of [C, N] -1..1."""
    return np.flatnonzero(np.abs(samples[0]) > 0.2)


def encode_sound(path: Path, seconds: float = 0.5, codec: str = "aac") -> Path:
    """Write a 440 Hz tone without any picture."""
    with av.open(str(path), "w") as container:
        _mux_tone(container, container.add_stream(codec, rate=48000, layout="mono"), seconds)
    return path


def _mux_tone(container, stream, seconds: float) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(round(48000 * seconds)) / 48000)
    samples = (12000 * tone).astype(np.int16)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def read_tone(path: Path) -> tuple[np.ndarray, str]:
    """First channel [N] of the file's sound at 48 kHz, and its codec."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("flt", "mono", 48000)
        frames = [r for f in container.decode(stream) for r in resampler.resample(f)]
        return np.concatenate([f.to_ndarray()[0] for f in frames]), stream.codec_context.name


def read_frames(path: Path, pixels: str = "rgb24") -> list[np.ndarray]:
    """Decode all frames of a video."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format=pixels) for frame in container.decode(video=0)]
