"""The square crop around a head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .opencv import opencv

_ENLARGE, _ENLARGE_LEAST = 2.5, 1.9
"""Edge of the crop over the longer edge of the landmarks' box: hair and shoulders fit in. The smaller value is for
pictures that show no more: resolution is not spent on what lies outside of them."""
_RAISE = 0.02
"""Of the crop's edge, by which its center lies above the box's: hair needs more room than the chin."""


@dataclass(frozen=True)
class Framing:
    """How the crop differs from the usual one."""

    scale: float = 1.0
    """Times its edge: above 1 more is seen around the head."""
    right: float = 0.0
    """Crop edges that it is moved to the right."""
    down: float = 0.0


def portrait_square(box: np.ndarray, shape: tuple[int, ...], framing: Framing | None = None) -> tuple[int, int, int]:
    """Left, top and edge, whole pixels, of the crop around a landmark box [4] in a picture of `shape` (H, W, ...)."""
    framing = framing or Framing()
    face = float((box[2:] - box[:2]).max())
    edge = max(2, round(framing.scale * np.clip(min(shape[:2]), _ENLARGE_LEAST * face, _ENLARGE * face)))
    shift = np.array([framing.right, framing.down - _RAISE]) * edge
    left, top = np.round((box[:2] + box[2:]) / 2 - edge / 2 + shift).astype(int)
    return int(left), int(top), edge


def square_to_picture(square: tuple[float, float, float], size: int) -> np.ndarray:
    """[2, 3] float64 similarity from the pixels of the crop, resized to `size`, to picture pixels."""
    left, top, edge = square
    scale = edge / size
    shift = (scale - 1) / 2
    return np.array([[scale, 0, left + shift], [0, scale, top + shift]])


def chain(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """[2, 3] the similarity that does `inner`, then `outer`."""
    return outer[:, :2] @ inner + np.column_stack([np.zeros((2, 2)), outer[:, 2]])


def inverse(similarity: np.ndarray) -> np.ndarray:
    """[2, 3] the similarity that undoes another."""
    back = np.linalg.inv(similarity[:, :2])
    return np.column_stack([back, -back @ similarity[:, 2]])


def warp(image: np.ndarray, to_image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image of `size` (width, height) whose pixels `to_image` takes to those of `image`; 0 outside of it."""
    cv2 = opencv()
    return cv2.warpAffine(image, to_image, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def cut_square(
    image: np.ndarray, square: tuple[int, int, int], size: int, *, outside: float | None = None
) -> np.ndarray:
    """The crop of `image` [H, W] or [H, W, C], resized to [size, size(, C)] with area averages or, enlarged, cubic.

    Outside of the picture its edge pixels are repeated, or the value `outside` stands.
    """
    cv2 = opencv()
    left, top, edge = square
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + edge, width), min(top + edge, height)
    margins = (y0 - top, top + edge - y1, x0 - left, left + edge - x1)
    part = image[y0:y1, x0:x1]
    if any(margins):
        mode = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
        part = cv2.copyMakeBorder(part, *margins, mode, value=[outside or 0.0] * 4)
    interpolation = cv2.INTER_AREA if edge > size else cv2.INTER_CUBIC
    return cv2.resize(part, (size, size), interpolation=interpolation)
