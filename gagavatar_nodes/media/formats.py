"""Video formats that can be written, as data."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import MediaError


@dataclass(frozen=True)
class Codec:
    """How frames are encoded."""

    name: str
    """ffmpeg's encoder."""
    pixels: str
    """ffmpeg's pixel format."""
    options: dict[str, str] = field(default_factory=dict)
    crf_offset: int | None = None
    """Added to the H.264 quality number for the same look; None when the encoder has no such number."""


@dataclass(frozen=True)
class Format:
    """A container and what goes into it."""

    container: str
    """ffmpeg's muxer."""
    opaque: Codec
    alpha: Codec | None = None
    """None when the format has no transparency."""
    options: dict[str, str] = field(default_factory=dict)
    audio_copied: frozenset[str] = frozenset()
    """Audio codecs that players expect in the container: copied, all others are encoded again."""
    audio_codec: str | None = None
    """ffmpeg's encoder for the others; None when the format has no sound."""


_H264 = Codec("libx264", "yuv420p", {"preset": "veryfast"}, crf_offset=0)
_VP9_OPTIONS = {"deadline": "realtime", "cpu-used": "6", "row-mt": "1", "b": "0"}
_VP9 = Codec("libvpx-vp9", "yuv420p", _VP9_OPTIONS, crf_offset=6)
# Alternate reference frames are not possible with an alpha plane.
_VP9_ALPHA = Codec("libvpx-vp9", "yuva420p", {**_VP9_OPTIONS, "auto-alt-ref": "0"}, crf_offset=6)
_PRORES = Codec("prores_ks", "yuva444p10le", {"profile": "4444", "vendor": "apl0"})
_GIF = Codec("gif", "pal8")

# The index goes to the front, so that browsers start before the whole file is there; notes keep their names.
_MP4_OPTIONS = {"movflags": "+faststart+use_metadata_tags"}
_MP4 = Format("mp4", _H264, None, _MP4_OPTIONS, frozenset({"aac", "mp3"}), "aac")
_MOV_AUDIO = frozenset({"aac", "mp3", "alac", "pcm_s16le"})
FORMATS: dict[str, Format] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Format("mov", _H264, _PRORES, _MP4_OPTIONS, _MOV_AUDIO, "aac"),
    ".mkv": Format("matroska", _H264, None, {}, frozenset({"aac", "mp3", "opus", "vorbis", "flac", "ac3"}), "aac"),
    ".webm": Format("webm", _VP9, _VP9_ALPHA, {}, frozenset({"opus", "vorbis"}), "libopus"),
    ".gif": Format("gif", _GIF),
}
"""By extension."""

_SEQUENCE = re.compile(r"%0?\d*d")


def is_png_sequence(path: str | os.PathLike[str]) -> bool:
    """Whether `path` names numbered PNG files, like `frames/head_%05d.png`."""
    name = Path(path).name
    return name.lower().endswith(".png") and len(_SEQUENCE.findall(name)) == 1


def frame_name(pattern: str, number: int) -> str:
    """Return the file name of one of numbered PNG files; other percent signs stay as they are."""
    return _SEQUENCE.sub(lambda found: found[0] % number, pattern)


def choose_format(path: str | os.PathLike[str], alpha: bool) -> tuple[Format, Codec]:
    """Return the format of a video file by its extension.

    Raises:
        MediaError: the extension is not one of `FORMATS`, or has no transparency where `alpha` is wanted.
    """
    target = Path(path)
    chosen = FORMATS.get(target.suffix.lower())
    if chosen is None:
        raise MediaError(
            f"{target} has no video extension that can be written: use {', '.join(FORMATS)} or numbered pictures "
            f"like {target.stem or 'frame'}_%05d.png"
        )
    if not alpha:
        return chosen, chosen.opaque
    if chosen.alpha is None:
        raise MediaError(
            f"{target}: {target.suffix.lower()} has no transparency, use .webm, .mov or numbered pictures "
            f"like {target.stem}_%05d.png"
        )
    return chosen, chosen.alpha
