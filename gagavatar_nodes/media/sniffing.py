"""What a file that is no picture is, by its content and not by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Kind = Literal["image", "animation", "video", "audio", "other"]


def not_a_picture(file: Path) -> str:
    """Why `file` cannot be read as a picture, and what to do."""
    if _is_heic(file):
        return f"{file} is a HEIC picture, which cannot be read: save it as JPEG or PNG"
    kind = stream_kind(file)
    if kind == "video":
        return f"{file} is a video and a picture is needed: save one of its frames as PNG"
    if kind == "audio":
        return f"{file} holds only sound and a picture is needed"
    return f"{file} is not a picture, or is damaged: use a JPEG, PNG or WebP file"


def stream_kind(file: Path) -> Kind:
    """Return what `file` holds where it holds no picture: a video, only sound, or neither."""
    import av

    from .streams import moving_picture, open_container

    try:
        with open_container(file) as container:
            if moving_picture(container) is not None:
                return "video"
            return "audio" if container.streams.audio else "other"
    except (av.error.FFmpegError, ValueError, OSError):
        return "other"


def _is_heic(file: Path) -> bool:
    with open(file, "rb") as stream:
        head = stream.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"heim", b"heis", b"hevc")
