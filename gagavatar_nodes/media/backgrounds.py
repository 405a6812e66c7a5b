"""What stands behind the head: a color, a picture, a video, or nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import MediaError
from .images import read_image
from .kinds import media_kind
from .video_reader import VideoReader

_COLORS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "gray": (128, 128, 128),
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "lime": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "orange": (255, 165, 0),
    "pink": (255, 192, 203),
    "purple": (128, 0, 128),
    "brown": (165, 42, 42),
    "navy": (0, 0, 128),
}
_TRANSPARENT = ("transparent", "none", "alpha")
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6}(?:[0-9a-f]{2})?)")
_TRIPLE = re.compile(r"(?:rgb)?\(?\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)?")


class Background(Protocol):
    """Gives what `rendering.compositing.composite` takes, one value a frame."""

    def frames(self, size: tuple[int, int], fps: float) -> Iterator[tuple[int, int, int] | np.ndarray | None]:
        """Endless: a color, [H, W, 3] uint8 of `size` (width, height), or None for transparency."""
        ...


class ColorBackground:
    """One 8-bit RGB color, or None for transparency."""

    def __init__(self, color: tuple[int, int, int] | None) -> None:
        self.color = color

    def frames(self, size: tuple[int, int], fps: float) -> Iterator[tuple[int, int, int] | None]:
        """See `Background`."""
        while True:
            yield self.color


class PictureBackground:
    """A picture that covers the frame, its overhang cut off evenly."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read a picture.

        Raises:
            MediaError: the picture cannot be read.
        """
        self._rgb = read_image(path).rgb

    def frames(self, size: tuple[int, int], fps: float) -> Iterator[np.ndarray]:
        """See `Background`."""
        fitted = cover(self._rgb, size)
        while True:
            yield fitted


class VideoBackground:
    """A video that covers the frame, played at the output's rate and repeated from its start."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a video.

        Raises:
            MediaError: the video cannot be read.
        """
        VideoReader(path)  # to fail now and not after the work has begun
        self._path = path

    def frames(self, size: tuple[int, int], fps: float) -> Iterator[np.ndarray]:
        """See `Background`. Close the iterator to stop decoding early."""
        with VideoReader(self._path, fps=fps) as video:
            while True:
                for frame in video:
                    yield cover(frame, size)


def is_transparent(text: str | os.PathLike[str]) -> bool:
    """Whether `parse_background` would read this as no background at all."""
    return str(text).strip().lower() in _TRANSPARENT


def parse_background(text: str | os.PathLike[str]) -> Background:
    """A background from `#rgb`, `#rrggbb`, `r,g,b`, a color's name, `transparent`, or a picture's or video's path.

    Raises:
        MediaError: none of these, or the file cannot be read.
    """
    if is_transparent(text):
        return ColorBackground(None)
    color = parse_color(str(text))
    if color is not None:
        return ColorBackground(color)
    if not Path(text).exists():
        raise MediaError(
            f"Background {text!s} is neither a color (#rrggbb, {', '.join(list(_COLORS)[:4])}, ...), "
            "'transparent', nor a picture or video that exists: check its spelling"
        )
    return PictureBackground(text) if media_kind(text) == "image" else VideoBackground(text)


def parse_color(text: str) -> tuple[int, int, int] | None:
    """8-bit RGB of `#rgb`, `#rrggbb`, `r,g,b`, `rgb(r, g, b)` or a name; None when it is none of these.

    `#rrggbbaa`, which some color pickers write, is taken without its alpha.
    """
    word = text.strip().lower()
    if word in _COLORS:
        return _COLORS[word]
    if _HEX.fullmatch(word):
        digits = word[1:] if len(word) > 4 else "".join(2 * digit for digit in word[1:])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
    triple = _TRIPLE.fullmatch(word)
    if triple is None or max(map(int, triple.groups())) > 255:
        return None
    r, g, b = map(int, triple.groups())
    return r, g, b


def cover(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale [h, w, 3] uint8 to cover `size` (width, height), and cut the overhang off evenly."""
    import cv2

    width, height = size
    scale = max(width / image.shape[1], height / image.shape[0])
    scaled = max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale))
    if scaled != (image.shape[1], image.shape[0]):
        image = cv2.resize(image, scaled, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = (scaled[0] - width) // 2, (scaled[1] - height) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])
