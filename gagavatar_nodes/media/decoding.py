"""From whatever Pillow decodes (16-bit, CMYK, palette, EXIF-turned, wide gamut) to upright 8-bit sRGB."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

PILLOW_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError, OverflowError,
    RuntimeError, NotImplementedError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow's parsers raise on damaged files."""

_ORIENTATION = 0x0112  # EXIF tag


def shrink_on_load(image: Image.Image, max_edge: int) -> None:
    """Let a JPEG be decoded at 1/2, 1/4 or 1/8, as long as its longer edge stays at `max_edge` or more."""
    longer = max(image.size)
    if longer > max_edge and image.format == "JPEG":
        factor = max_edge / longer
        image.draft(None, tuple(max(1, int(edge * factor)) for edge in image.size))


def upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        turn = turns.get(image.getexif().get(_ORIENTATION))
    except PILLOW_ERRORS:  # broken metadata does not spoil a sound picture
        turn = None
    return image if turn is None else image.transpose(turn)


def flatten(image: Image.Image, max_edge: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Decode to sRGB, its longer edge at most `max_edge`.

    Returns:
        rgb [H, W, 3] uint8, and alpha [H, W] float32 0..1 or None.
    """
    profile = image.info.get("icc_profile")
    transparent = "transparency" in image.info
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _deep_gray(image)
    if image.mode == "P":
        image = image.convert("RGBA" if transparent else "RGB")
    elif image.mode in ("PA", "La", "LA", "RGBa") or (transparent and image.mode in ("1", "L", "RGB")):
        image = image.convert("RGBA")
    image = _limited(image, max_edge)
    alpha = None
    if image.mode == "RGBA":
        alpha = np.asarray(image.getchannel("A"), np.float32) / 255
    image = _to_srgb(image, profile)
    return np.array(image.convert("RGB")), alpha


def _deep_gray(image: Image.Image) -> Image.Image:
    """Gray of more than 8 bits to 8 bits."""
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F":
        peak = float(np.nanmax(values, initial=0.0))
        white = 1.0 if peak <= 1.0 else 255.0 if peak <= 255.0 else peak
    else:
        white = max(65535.0, float(values.max(initial=0)))
    scaled = np.nan_to_num(values.astype(np.float32)) * np.float32(255 / white)
    return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))


def _limited(image: Image.Image, max_edge: int) -> Image.Image:
    from PIL.Image import Resampling

    longer = max(image.size)
    if longer <= max_edge:
        return image
    size = tuple(max(1, round(edge * max_edge / longer)) for edge in image.size)
    if image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        image = image.convert("RGB")
    return image.resize(size, Resampling.LANCZOS, reducing_gap=3.0)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert by the embedded color profile: phones write Display P3, printers CMYK."""
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        if image.mode == "RGBA":
            image = image.convert("RGB")
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # a profile of another kind, or a broken one
        return image
    return image if converted is None else converted
