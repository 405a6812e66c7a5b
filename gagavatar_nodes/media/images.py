"""Reading and writing pictures."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import MediaError
from .decoding import PILLOW_ERRORS, decode, flatten, note_colors, shrink_on_load, upright
from .files import atomic_output, readable_file
from .sniffing import is_heic, not_a_picture

if TYPE_CHECKING:
    from PIL import Image

MAX_EDGE = 4096
"""Pictures are shrunk on loading until their longer edge is at most this."""

MAX_PIXELS = 100_000_000
"""A larger picture is refused, because decoding it needs more than half a gigabyte. JPEGs shrink while they decode."""

_WRITERS: dict[str, tuple[str, dict[str, object]]] = {
    ".png": ("PNG", {"compress_level": 4}),
    ".jpg": ("JPEG", {"subsampling": 0}),
    ".jpeg": ("JPEG", {"subsampling": 0}),
    ".webp": ("WEBP", {}),
}
EXTENSIONS = tuple(_WRITERS)
"""Of pictures that can be written."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright, in sRGB."""

    rgb: np.ndarray
    """[H, W, 3] uint8, not multiplied by alpha."""
    alpha: np.ndarray | None
    """[H, W] float32 0..1, None when the file has no transparency."""
    scale: float = 1.0
    """Size of `rgb` over the size of the picture in the file; below 1 when it was shrunk on loading."""


def read_image(path: str | os.PathLike[str], max_edge: int = MAX_EDGE) -> Picture:
    """Read a picture of any kind Pillow knows: EXIF rotation applied, color profile and bit depth taken to 8-bit sRGB.

    Of an animation the first frame is taken. A longer edge above `max_edge` is shrunk to it.

    Raises:
        MediaError: the file is missing, empty, truncated, too large, or not a picture.
    """
    file = readable_file(path)
    try:
        with open_image(file) as image:
            full = image.size
            shrink_on_load(image, max_edge)
            check_size(file, image, full)
            rgb, alpha = flatten(upright(decode(image, file)), max_edge)
    except MediaError:
        raise
    except PILLOW_ERRORS as error:
        raise MediaError(f"{file} is damaged or truncated ({error}): save or download it again") from error
    return Picture(rgb, alpha, max(rgb.shape[:2]) / max(full))


def open_image(file: Path) -> Image.Image:
    """Open, but not yet decode, the picture in `file`, whatever its extension says.

    Raises:
        MediaError: it is not a picture.
    """
    from PIL import Image, JpegImagePlugin, UnidentifiedImageError

    try:
        with open(file, "rb") as stream:
            head = stream.read(12)
        if is_heic(head):
            _let_pillow_read_heic()
        if head.startswith(b"\xff\xd8\xff"):
            # Image.open refuses by the size in the header, yet a JPEG can be shrunk while it is decoded.
            image: Image.Image = JpegImagePlugin.JpegImageFile(file)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size has its own limit
                image = Image.open(file)
        note_colors(image, file)
        return image
    except Image.DecompressionBombError as error:
        raise MediaError(f"{file} has too many pixels to be read: shrink it to {MAX_EDGE} pixels or less") from error
    except UnidentifiedImageError:
        raise MediaError(not_a_picture(file)) from None
    except PILLOW_ERRORS as error:
        raise MediaError(f"{file} is damaged or truncated ({error}): save or download it again") from error


def _let_pillow_read_heic() -> None:
    """Teach Pillow HEIC by either of the two packages that do, where one is installed."""
    for name in ("pi_heif", "pillow_heif"):
        try:
            import_module(name).register_heif_opener()
        except ImportError:
            continue
        return


def check_size(file: Path, image: Image.Image, full: tuple[int, int]) -> None:
    """Refuse a picture whose decoding would need too much memory.

    Args:
        file: its name, for people.
        image: opened, not decoded.
        full: width and height before `shrink_on_load`.

    Raises:
        MediaError: more than `MAX_PIXELS` would have to be decoded.
    """
    # A progressive JPEG's coefficients are held at full size, however small the result.
    width, height = full if image.info.get("progressive") else image.size
    if width * height > MAX_PIXELS:
        raise MediaError(
            f"{file} is too large, {full[0]} x {full[1]} pixels where {MAX_PIXELS // 10**6} million can be read: "
            f"shrink it to {MAX_EDGE} pixels or less"
        )


def check_picture_format(path: str | os.PathLike[str], alpha: bool) -> None:
    """Validate the extension of a picture before any work.

    Raises:
        MediaError: pictures with this extension cannot be written, or have no transparency where `alpha` is wanted.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        raise MediaError(f"{path} has no picture extension that can be written: use {', '.join(_WRITERS)}")
    if alpha and _WRITERS[suffix][0] == "JPEG":
        raise MediaError(f"{path}: JPEG has no transparency, use .png or .webp")


def write_image(path: str | os.PathLike[str], image: np.ndarray, quality: int = 95) -> None:
    """Write `image` ([H, W, 3] RGB, [H, W, 4] straight RGBA or [H, W] gray, uint8) as PNG, JPEG or WebP, atomically.

    Raises:
        MediaError: the extension is unknown, the format has no transparency, or the file cannot be written.
    """
    from PIL import Image

    target = Path(path)
    check_picture_format(target, image.ndim == 3 and image.shape[2] == 4)
    if image.dtype != np.uint8:
        raise ValueError(f"Got {image.dtype} but expected uint8")
    kind, options = _WRITERS[target.suffix.lower()]
    if kind != "PNG":
        options = {**options, "quality": quality}
    with atomic_output(target) as temporary:
        Image.fromarray(np.ascontiguousarray(image)).save(temporary, kind, **options)
