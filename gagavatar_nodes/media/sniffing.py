"""What a file that is no picture is, by its content and not by its name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

Kind = Literal["image", "animation", "video", "audio", "other"]

_HEIC = (b"heic", b"heix", b"mif1", b"msf1", b"heim", b"heis", b"hevc")


def not_a_picture(file: Path) -> str:
    """Why `file` cannot be read as a picture, and what to do."""
    if known := picture_without_reader(file):
        return known
    kind = stream_kind(file)
    if kind == "video":
        return f"{file} is a video and a picture is needed: save one of its frames as PNG"
    if kind == "audio":
        return f"{file} holds only sound and a picture is needed"
    return f"{file} is not a picture, or is damaged: use a JPEG, PNG or WebP file"


def picture_without_reader(file: Path) -> str | None:
    """Why a picture of a newer kind cannot be read, and what to do; None for other files."""
    with open(file, "rb") as stream:
        head = stream.read(12)
    if is_heic(head):
        if find_spec("pi_heif") or find_spec("pillow_heif"):
            return f"{file} is a damaged HEIC picture: copy it again, or save it as JPEG or PNG"
        return f"{file} is a HEIC picture: pip install pi-heif, or save it as JPEG or PNG"
    if head[4:12] in (b"ftypavif", b"ftypavis"):
        return f"{file} is an AVIF picture: pip install --upgrade pillow, or save it as JPEG or PNG"
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return f"{file} is a JPEG XL picture, which cannot be read: save it as JPEG or PNG"
    return None


def stream_kind(file: Path) -> Kind:
    """Return what `file` holds where it holds no picture: a video, only sound, or neither."""
    import av

    from .streams import moving_picture, open_container

    if picture_without_reader(file):  # FFmpeg takes its parts for films
        return "other"
    try:
        with open_container(file) as container:
            if moving_picture(container) is not None:
                return "video"
            return "audio" if container.streams.audio else "other"
    except (av.error.FFmpegError, ValueError, OSError):
        return "other"


def is_heic(head: bytes) -> bool:
    """Whether a file with these first 12 bytes is a HEIC picture, as phones write them."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC
