"""Rendered features and alpha to 8-bit pictures, over a background or with transparency."""

from __future__ import annotations

import numpy as np

BLACK = (0, 0, 0)

_BLEED_PIXELS = 9
_OPAQUE_ENOUGH = 0.02


def composite(
    rgb: np.ndarray,
    alpha: np.ndarray | None = None,
    background: tuple[int, int, int] | np.ndarray | None = BLACK,
) -> np.ndarray:
    """Blend a rendering over a background.

    Args:
        rgb: [H, W, 3] float32 0..1, multiplied by alpha, as rasterizers give it. Values outside are clipped.
        alpha: [H, W] float32 0..1; may be left out for a black background.
        background: 8-bit RGB color, [H, W, 3] uint8 picture, or None for a transparent result.

    Returns:
        [H, W, 3] uint8 RGB; [H, W, 4] straight RGBA when `background` is None.
    """
    rgb = np.ascontiguousarray(rgb, np.float32)
    if background is None:
        return _straight_rgba(rgb, _require_alpha(alpha))
    if not isinstance(background, np.ndarray):
        if not any(background):
            return to_uint8(rgb)
        background = np.full(rgb.shape, background, np.uint8)
    if background.shape != rgb.shape:
        raise ValueError(f"Got a background {background.shape} but expected {rgb.shape}")
    return to_uint8(rgb + background * ((1 - _require_alpha(alpha)) * np.float32(1 / 255))[..., None])


def to_uint8(values: np.ndarray) -> np.ndarray:
    """[...] float32 0..1 to uint8 0..255, rounded and clipped."""
    import cv2

    flat = np.ascontiguousarray(values, np.float32).reshape(values.shape[0], -1)
    return cv2.multiply(flat, 255.0, dtype=cv2.CV_8U).reshape(values.shape)  # type: ignore[call-overload]


def _require_alpha(alpha: np.ndarray | None) -> np.ndarray:
    if alpha is None:
        raise ValueError("Got no alpha, which every background but black needs")
    return np.ascontiguousarray(alpha, np.float32)


def _straight_rgba(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Divide by alpha; where there is next to none, take the color of the neighborhood.

    Video codecs share color among neighboring pixels, and black would seep into the edge.
    """
    import cv2

    floor = cv2.max(alpha, _OPAQUE_ENOUGH)  # type: ignore[call-overload]
    color = to_uint8(cv2.divide(rgb, cv2.merge([floor] * 3)))
    alpha8 = to_uint8(alpha)
    size = (_BLEED_PIXELS, _BLEED_PIXELS)
    weight = cv2.max(cv2.blur(alpha8, size), 1)  # type: ignore[call-overload]
    around = cv2.divide(cv2.blur(to_uint8(rgb), size), cv2.merge([weight] * 3), scale=255)
    faint = cv2.compare(alpha, _OPAQUE_ENOUGH, cv2.CMP_LT)  # type: ignore[call-overload]
    return cv2.merge([*cv2.split(cv2.copyTo(around, faint, color)), alpha8])
