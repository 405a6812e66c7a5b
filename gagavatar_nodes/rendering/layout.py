"""Pictures side by side: the comparison video's frame and the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_BACKDROP = (24, 24, 26)
_TITLE = (236, 236, 238)
_CAPTION = (168, 168, 172)
_MARGIN = 24
_GAP = 8


def comparison(images: Sequence[np.ndarray], height: int | None = None, gap: int = 4) -> np.ndarray:
    """Pictures side by side at one height: portrait, driver, result.

    Args:
        images: [h, w, 3] uint8 each, of any size.
        height: pixels; None takes the last picture's, the result's.
        gap: pixels between them.

    Returns:
        [height, sum of widths and gaps, 3] uint8. Sizes depend on the inputs' sizes alone: a video's frames match.
    """
    if not images:
        raise ValueError("Got no pictures to compare")
    height = height or images[-1].shape[0]
    parts: list[np.ndarray] = []
    for image in images:
        if parts and gap:
            parts.append(np.full((height, gap, 3), _BACKDROP, np.uint8))
        parts.append(_scale(image, max(1, round(image.shape[1] * height / image.shape[0])), height))
    return np.hstack(parts)


def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str | Sequence[str]] = (), cell: int = 224
) -> np.ndarray:
    """Rows of pictures in one, each row with a title or each picture with a caption.

    Args:
        rows: [h, w, 3] uint8 pictures, scaled to one height; rows may differ in length.
        labels: one for each row: a title above it, or a caption for each of its pictures; empty for none.
        cell: height of a picture in pixels.

    Returns:
        [H, W, 3] uint8.
    """
    if not rows or not all(len(row) for row in rows):
        raise ValueError("Got a contact sheet with an empty row")
    if labels and len(labels) != len(rows):
        raise ValueError(f"Got {len(labels)} labels but expected {len(rows)}, one for each row")
    strips = [_row(row, label, cell) for row, label in zip(rows, labels or [""] * len(rows), strict=True)]
    width = max(strip.shape[1] for strip in strips)
    height = sum(strip.shape[0] for strip in strips) + _GAP * 2 * (len(strips) - 1)
    sheet = np.full((height + 2 * _MARGIN, width + 2 * _MARGIN, 3), _BACKDROP, np.uint8)
    top = _MARGIN
    for strip in strips:
        sheet[top : top + strip.shape[0], _MARGIN : _MARGIN + strip.shape[1]] = strip
        top += strip.shape[0] + 2 * _GAP
    return sheet


def _row(images: Sequence[np.ndarray], label: str | Sequence[str], cell: int) -> np.ndarray:
    """Return the pictures of one row with its title or their captions."""
    cells = [_scale(image, max(1, round(image.shape[1] * cell / image.shape[0])), cell) for image in images]
    starts = np.cumsum([0] + [c.shape[1] + _GAP for c in cells])
    title = label if isinstance(label, str) else ""
    captions = [] if isinstance(label, str) else list(label)
    if captions and len(captions) != len(images):
        raise ValueError(f"Got {len(captions)} captions but expected {len(images)}, one for each picture")
    size = max(11, cell // 14)
    above = round(1.8 * size) if title else 0
    below = round(1.6 * size) if captions else 0
    strip = np.full((above + cell + below, starts[-1] - _GAP, 3), _BACKDROP, np.uint8)
    for start, image in zip(starts, cells, strict=False):
        strip[above : above + cell, start : start + image.shape[1]] = image
    if title:
        strip = _write_text(strip, [(0, title)], 0, round(1.15 * size), _TITLE)
    if captions:
        strip = _write_text(strip, list(zip(starts.tolist(), captions, strict=False)), above + cell + 3, size, _CAPTION)
    return strip


def _write_text(
    image: np.ndarray, texts: list[tuple[int, str]], top: int, size: int, color: tuple[int, int, int]
) -> np.ndarray:
    """Lines of text whose left edges are given, in Pillow's own font."""
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.fromarray(image)
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(canvas)
    for left, text in texts:
        draw.text((left, top), text, fill=color, font=font)
    return np.array(canvas)


def _scale(image: np.ndarray, width: int, height: int) -> np.ndarray:
    import cv2

    if image.shape[:2] == (height, width):
        return image
    kind = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=kind)
