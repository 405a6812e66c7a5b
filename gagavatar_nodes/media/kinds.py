"""What a file is, by its content and not by its name."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import MediaError
from .decoding import PILLOW_ERRORS
from .files import readable_file
from .images import open_image
from .sniffing import Kind, stream_kind

_ALBUMS = ("MPO", "HEIF")
"""Pillow's formats whose further pictures are no frames of a film."""


def media_kind(path: str | os.PathLike[str]) -> Kind:
    """Return what `path` holds: one picture, an animated picture, a video, only sound, or none of these.

    Raises:
        MediaError: the file is missing, empty or unreadable.
    """
    file = readable_file(path)
    return _picture_kind(file) or stream_kind(file)


def _picture_kind(file: Path) -> Kind | None:
    try:
        with open_image(file) as image:
            return "animation" if getattr(image, "n_frames", 1) > 1 and image.format not in _ALBUMS else "image"
    except MediaError:
        return None
    except PILLOW_ERRORS:
        return "image"
