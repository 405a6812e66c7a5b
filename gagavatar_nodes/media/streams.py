"""Demuxed containers and their video streams, on PyAV."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .color import Convert, to_srgb

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_FORMATS = (
    "aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "ape", "apng", "asf", "au", "avi", "caf", "dv", "eac3", "flac",
    "flv", "gif", "h264", "hevc", "ivf", "m4v", "matroska", "mjpeg", "mov", "mp3", "mpeg", "mpegts", "mpegvideo", "mxf",
    "nut", "ogg", "rm", "tta", "w64", "wav", "wv", "yuv4mpegpipe",
    "bmp_pipe", "jpeg_pipe", "png_pipe", "tiff_pipe", "webp_pipe",
)  # fmt: skip
"""ffmpeg's readers of files that hold all of their sound and pictures. Playlists (HLS, DASH, concat), descriptions of
streams (SDP), numbered pictures and text that is drawn are not among them."""
_BUFFER = 1 << 18
"""Bytes read at once."""
_NOT_VIDEO = {"tty", "gif", "apng", "image2"}
"""Text, whose letters ffmpeg would draw as a film, and pictures (also the demuxers `*_pipe`), which Pillow reads."""
_BT601, _BT709 = 5, 1
_MATRICES = {1: _BT709, 4: 4, 5: _BT601, 6: _BT601, 7: 7, 9: 9}
"""AVColorSpace -> the same matrix in swscale's numbers."""
_UNSPECIFIED = 2
_HD_HEIGHT = 720


def open_container(file: Path) -> InputContainer:
    """Open `file` for demuxing. It can lead to no other file: ffmpeg gets its bytes alone, and formats without links.

    Raises:
        av.error.FFmpegError: it is not a container that is read here.
    """
    import av

    # Titles in a wrong encoding are no reason to refuse a file. From version 19 on PyAV itself does not.
    lenient = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}
    bounds = {"format_whitelist": ",".join(_FORMATS), "protocol_whitelist": "none", "enable_drefs": "0"}
    return av.open(_Bytes(file), container_options=bounds, buffer_size=_BUFFER, **lenient)


class _Bytes:
    """The bytes of a file, which is closed when ffmpeg lets go of it."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - see `__del__`
        self.name = f"input{path.suffix}"
        """By which ffmpeg tells formats without a head apart."""
        self.read, self.seek, self.tell = self._file.read, self._file.seek, self._file.tell

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


def plain_name(file: Path) -> str:
    """Return a name that ffmpeg takes for a file's, whatever it contains.

    The part of a relative one before a colon is taken for a protocol.
    """
    return os.path.abspath(file)


def moving_picture(container: InputContainer) -> VideoStream | None:
    """Return the container's video stream; a sound file's cover picture is none."""
    from av.stream import Disposition

    if container.format.name in _NOT_VIDEO or container.format.name.endswith("_pipe"):
        return None
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
            return stream
    return None


def display_size(stream: VideoStream) -> tuple[int, int]:
    """Width and height in square pixels, before rotation."""
    width, height = stream.codec_context.width, stream.codec_context.height
    aspect = Fraction(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
    if aspect > 0 and aspect != 1:
        width = max(1, round(width * aspect))
    return width, height


def frame_to_rgb(frame: VideoFrame, width: int, height: int, convert: Convert | None = None) -> np.ndarray:
    """Decode to [height, width, 3] uint8 RGB, not yet rotated. `convert` is `color.to_srgb` of the stream's colors."""
    assumed = _BT709 if frame.height >= _HD_HEIGHT else _BT601  # by players, where the file does not say
    matrix = _MATRICES.get(int(frame.colorspace), assumed)
    frame.colorspace = _UNSPECIFIED  # PyAV before 17 ignores a matrix that the frame names itself
    kind = "AREA" if width * height < frame.width * frame.height else "BILINEAR"
    form = "rgb24" if convert is None else "rgb48le"
    rgb = frame.to_ndarray(format=form, width=width, height=height, src_colorspace=matrix, interpolation=kind)
    return rgb if convert is None else convert(rgb)


def color_conversion(stream: VideoStream) -> Convert | None:
    """Return what takes the stream's 16-bit RGB to sRGB; None where there is nothing to do."""
    context = stream.codec_context
    return to_srgb(int(context.color_trc), int(context.color_primaries))


def display_matrix(frame: VideoFrame) -> np.ndarray:
    """[2, 2] of -1, 0 and 1, for column vectors (x, y): how players turn and mirror the stored picture.

    A matrix that turns by other angles counts as the nearest of the eight that map pixels to pixels.
    """
    from av.sidedata.sidedata import Type

    data = frame.side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return np.eye(2, dtype=int)
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].astype(float)
    straight = abs(a) + abs(d) >= abs(b) + abs(c)
    matrix = np.array([[a, 0], [0, d]] if straight else [[0, c], [b, 0]])
    return np.sign(matrix).astype(int) if np.linalg.det(matrix) else np.eye(2, dtype=int)


def apply_display_matrix(rgb: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn and mirror [H, W, 3] by a `display_matrix`."""
    x, y = matrix.sum(1)
    if matrix[0, 0] == 0:
        rgb = rgb.transpose(1, 0, 2)
    return np.ascontiguousarray(rgb[::y, ::x])
