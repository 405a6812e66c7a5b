"""From whatever Pillow decodes (16-bit, CMYK, palette, EXIF-turned, wide gamut) to upright 8-bit sRGB."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from .code_points import read_code_points
from .color import ADOBE_RGB, HLG, PQ, to_srgb

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

PILLOW_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError, OverflowError,
    RuntimeError, NotImplementedError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow's parsers raise on damaged files."""

CODE_POINTS = "code_points"
"""Key of a picture's `info` for transfer characteristics and primaries that its file names, see `code_points`."""
_HDR = (PQ, HLG)
_ORIENTATION, _EXIF, _INTEROP, _COLOR_SPACE, _UNCALIBRATED = 0x0112, 0x8769, 0xA005, 0xA001, 0xFFFF  # of EXIF
_PHOTOMETRIC, _YCBCR = 0x0106, 6  # of TIFF
_WHITES = tuple(float((1 << bits) - 1) for bits in (10, 12, 14, 16))
_SAME = 0.05
"""Share by which a PNG's exponent may differ from sRGB's without a conversion."""


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
    image = _limit(image, max_edge)
    alpha = None
    if image.mode == "RGBA":
        alpha = np.asarray(image.getchannel("A"), np.float32) / 255
    if CODE_POINTS in image.info:
        return _by_code_points(np.asarray(image.convert("RGB"), np.uint16) * 257, image.info[CODE_POINTS]), alpha
    image = _to_srgb(image, profile) if profile else _by_gamma(image)
    return np.array(image.convert("RGB")), alpha


def note_colors(image: Image.Image, file: Path) -> None:
    """Keep what `file` says of its colors by code points in the opened picture's `info`, where that is what counts."""
    if image.mode == "RGB" and "icc_profile" not in image.info and _is_adobe_rgb(image):
        image.info[CODE_POINTS] = ADOBE_RGB
    points = read_code_points(file)
    if points is not None and (image.format == "PNG" or points[0] in _HDR or "icc_profile" not in image.info):
        image.info.pop("icc_profile", None)
        image.info[CODE_POINTS] = points


def _is_adobe_rgb(image: Image.Image) -> bool:
    """Whether cameras' metadata say so: a color space that is not sRGB, and the rule for file names of Adobe RGB."""
    if image.format == "PNG" and "exif" not in image.info:
        return False  # to look for it behind the picture would decode that
    try:
        exif = image.getexif()
        return exif.get_ifd(_EXIF).get(_COLOR_SPACE) == _UNCALIBRATED and exif.get_ifd(_INTEROP).get(1) == "R03"
    except PILLOW_ERRORS:
        return False


def _by_code_points(rgb: np.ndarray, points: tuple[int, int]) -> np.ndarray:
    """[H, W, 3] uint8 sRGB of uint16 RGB in the colors of H.273's transfer characteristics and primaries."""
    convert = to_srgb(*points)
    return (rgb >> 8).astype(np.uint8) if convert is None else convert(rgb)


def _deep_gray(image: Image.Image) -> Image.Image:
    """Gray of more than 8 bits to 8 bits."""
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F":
        peak = float(np.nanmax(values, initial=0.0))
        white = 1.0 if peak <= 1.0 else 255.0 if peak <= 255.0 else peak
    else:
        white = container_white(values)
    scaled = np.nan_to_num(values.astype(np.float32)) * np.float32(255 / white)
    return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))


def container_white(values: np.ndarray) -> float:
    """White of integers of more than 8 bits: the largest of the depth that they seem to have, 10 to 16 bits.

    Cameras and scanners write 12 bits into 16 without scaling them up.
    """
    most = int(values.max(initial=0))
    return float(next((white for white in _WHITES if most <= white), most))


def decode(image: Image.Image, file: Path) -> Image.Image:
    """Decode an opened picture, by OpenCV where Pillow cannot or would lose by it."""
    import cv2

    if _is_raw_ycbcr(image):
        plain = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_UNCHANGED)
        if plain is not None and plain.ndim == 3:
            return _instead_of(image, cv2.cvtColor(plain[..., :3], cv2.COLOR_BGR2RGB))
    wide = _widen(image, file)
    image.load()
    return wide


def _widen(image: Image.Image, file: Path) -> Image.Image:
    """Decode color of more than 8 bits that Pillow's own decoding to 8 spoils: HDR, and values that fill less of 16."""
    import cv2

    points = image.info.get(CODE_POINTS)
    is_hdr_avif = image.format == "AVIF" and points is not None and points[0] in _HDR
    is_deep = bool(image.tile) and ";16" in str(image.tile[0][3]) and image.mode in ("RGB", "RGBA")
    if not (is_deep or is_hdr_avif):
        return image
    deep = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_UNCHANGED)  # None where OpenCV is built without AVIF
    if deep is None or deep.dtype != np.uint16 or deep.ndim != 3:
        return image
    if is_hdr_avif:
        deep = np.round(deep * (_WHITES[-1] / container_white(deep))).astype(np.uint16)
    white = container_white(deep[..., :3])
    if white >= _WHITES[-1] and points is None:
        return image
    order = cv2.COLOR_BGRA2RGBA if deep.shape[2] == 4 else cv2.COLOR_BGR2RGB
    deep = cv2.cvtColor(deep, order)
    values = np.clip(deep * (255 / white) + 0.5, 0, 255).astype(np.uint8)
    if points is not None:
        values[..., :3] = _by_code_points(deep[..., :3], points)
    return _instead_of(image, values)


def _is_raw_ycbcr(image: Image.Image) -> bool:
    return (
        image.format == "TIFF"
        and bool(image.tile)
        and image.tile[0][0] == "raw"
        and image.tag_v2.get(_PHOTOMETRIC) == _YCBCR  # type: ignore[attr-defined]
    )


def _instead_of(image: Image.Image, values: np.ndarray) -> Image.Image:
    """Return decoded values as a picture with what `image` tells of itself, but for colors that are applied."""
    from PIL import Image

    decoded = Image.fromarray(values)
    decoded.info = {key: value for key, value in image.info.items() if key != CODE_POINTS}
    return decoded


def _limit(image: Image.Image, max_edge: int) -> Image.Image:
    from PIL.Image import Resampling

    longer = max(image.size)
    if longer <= max_edge:
        return image
    size = tuple(max(1, round(edge * max_edge / longer)) for edge in image.size)
    if image.mode not in ("L", "RGB", "RGBA", "CMYK"):
        image = image.convert("RGB")
    return image.resize(size, Resampling.LANCZOS, reducing_gap=3.0)


def _by_gamma(image: Image.Image) -> Image.Image:
    """Convert by the exponent that a PNG names, where it is another than sRGB's."""
    gamma = image.info.get("gamma")
    if not gamma or "srgb" in image.info or image.mode not in ("L", "RGB", "RGBA") or abs(gamma * 2.2 - 1) < _SAME:
        return image
    light = np.linspace(0, 1, 256) ** (1 / gamma)
    lut = np.rint(255 * light ** (1 / 2.2)).astype(int).tolist()
    color = len(image.getbands()) - (image.mode == "RGBA")
    return image.point(lut * color + list(range(256)) * (image.mode == "RGBA"))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert by the embedded color profile: phones write Display P3, printers CMYK."""
    if image.mode not in ("RGB", "RGBA", "CMYK", "L"):
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
