"""Encoders of a sequence of frames: one file through PyAV, or numbered PNG files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MediaError
from .audio import AudioTrack
from .even import even_shape, pad_to_even
from .formats import Codec, Format, frame_name
from .streams import plain_name

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_BT709 = 1  # of AVColorSpace, AVColorPrimaries and AVColorTransferCharacteristic
_LIMITED_RANGE = 1
_WORSE = 1.5
_CPU_AVX_512F = 13  # as OpenCV numbers it


class FileEncoder:
    """Frames into one video file."""

    def __init__(
        self,
        path: Path,
        form: Format,
        codec: Codec,
        fps: Fraction,
        size: tuple[int, int],
        crf: int,
        audio_from: str | os.PathLike[str] | None,
        audio_start: float,
        keyframes: int | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        import av

        self._codec, self._fps, self._count = codec, fps, 0
        self._palette: Palette | None = None
        self._container = av.open(plain_name(path), "w", format=form.container, options=form.options)
        self._container.metadata.update(notes or {})
        self._audio: AudioTrack | None = None
        try:
            self._stream = self._add_stream(size, crf, keyframes)
            if audio_from is not None:
                self._audio = AudioTrack(audio_from, self._container, form, audio_start)
        except BaseException:
            self._container.close()
            raise

    def write(self, frame: np.ndarray) -> None:
        """Encode [H, W, 3] or [H, W, 4] uint8."""
        picture = self._picture(frame)
        picture.pts = self._count
        picture.time_base = 1 / self._fps
        self._container.mux(self._stream.encode(picture))
        self._count += 1
        if self._audio is not None:
            self._audio.mux_until(float(self._count / self._fps))

    def finish(self) -> None:
        """Write what the encoder holds back, and the index."""
        self._container.mux(self._stream.encode(None))
        self.close()

    def close(self) -> None:
        """Release the files."""
        if self._audio is not None:
            self._audio.close()
        self._container.close()

    def _add_stream(self, size: tuple[int, int], crf: int, keyframes: int | None) -> Any:
        import av

        options = dict(self._codec.options)
        if self._codec.crf_offset is not None:
            options["crf"] = str(crf + self._codec.crf_offset)
        if keyframes is not None:
            options["g"] = str(keyframes)
        threads = os.environ.get("GAGAVATAR_THREADS", "")
        if threads.isdecimal() and self._codec.name == "libx264" and _has_avx512():
            options["x264-params"] = "asm=avx2"
        try:
            stream = self._container.add_stream(self._codec.name, rate=self._fps, options=options)
        except av.codec.codec.UnknownCodecError as error:
            raise MediaError(
                f"The installed PyAV has no encoder {self._codec.name}: pip install --force-reinstall av"
            ) from error
        if threads.isdecimal():
            stream.codec_context.thread_count = int(threads)  # some encoders' bytes depend on it
        stream.height, stream.width = even_shape(size[::-1])
        stream.pix_fmt = self._codec.pixels
        if self._codec.pixels.startswith("yuv"):
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = _LIMITED_RANGE
        return stream

    def _picture(self, frame: np.ndarray) -> VideoFrame:
        import av

        frame = pad_to_even(frame)
        if self._codec.pixels == "pal8":
            return av.VideoFrame.from_ndarray(self._quantize(frame), format="pal8")
        picture = av.VideoFrame.from_ndarray(frame, format="rgba" if frame.shape[2] == 4 else "rgb24")
        return picture.reformat(format=self._codec.pixels, dst_colorspace=_BT709)

    def _quantize(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Indices [H, W] uint8 and colors [256, 4] ARGB. A palette is kept while it fits, so that nothing shimmers."""
        if self._palette is None:
            self._palette = Palette(frame)
        indices, error = self._palette.indices(frame)
        if error > _WORSE * self._palette.error + 1:
            self._palette = Palette(frame)
            indices, _ = self._palette.indices(frame)
        return indices, self._palette.argb


def _has_avx512() -> bool:
    """Whether x264 would use it, with which the same frames have been seen to give other bytes now and then."""
    import cv2

    return cv2.checkHardwareSupport(_CPU_AVX_512F)


class Palette:
    """The 256 colors that suit a picture best."""

    def __init__(self, frame: np.ndarray) -> None:
        from PIL import Image

        self._image = Image.fromarray(frame).quantize(256, Image.Quantize.MEDIANCUT)
        colors = np.frombuffer(self._image.palette.tobytes(), np.uint8).reshape(-1, 3)
        self.argb = np.zeros((256, 4), np.uint8)
        """[256, 4] uint8."""
        self.argb[:, 0] = 255
        self.argb[: len(colors), 1:] = colors
        self.error = self.indices(frame)[1]
        """Mean difference from the picture it was made for, 0 to 255."""

    def indices(self, frame: np.ndarray) -> tuple[np.ndarray, float]:
        """Dithered indices [H, W] uint8, and the mean difference from `frame`."""
        from PIL import Image

        dithered = Image.fromarray(frame).quantize(palette=self._image, dither=Image.Dither.FLOYDSTEINBERG)
        indices = np.asarray(dithered)
        shown = self.argb[indices[::4, ::4], 1:]
        return indices, float(np.abs(frame[::4, ::4].astype(np.int16) - shown).mean())


class PngEncoder:
    """Frames into numbered PNG files, the first of them 1."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self._folder, self._pattern, self._count = folder, pattern, 0

    def write(self, frame: np.ndarray) -> None:
        """Encode [H, W, 3] or [H, W, 4] uint8."""
        import cv2

        order = cv2.COLOR_RGBA2BGRA if frame.shape[2] == 4 else cv2.COLOR_RGB2BGR
        data = cv2.imencode(".png", cv2.cvtColor(frame, order), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
        self._count += 1
        (self._folder / frame_name(self._pattern, self._count)).write_bytes(data.tobytes())

    def finish(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""
