"""Filling a region of a picture smoothly from what surrounds it."""

from __future__ import annotations

import numpy as np

_WORK_EDGE = 512
_CONFIDENCE = 4.0


def fill(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Replace the unknown part of a picture by colors diffused from the known part (push and pull over a pyramid).

    The result is smooth where it is invented: it serves beside a silhouette, not as a hallucinated scene.

    Args:
        image: [H, W, 3] uint8.
        known: [H, W] bool; where it is False, colors of `image` are ignored. Must be True somewhere.

    Returns:
        [H, W, 3] uint8; equal to `image` where that is known.

    Raises:
        ValueError: nothing is known.
    """
    import cv2

    if not known.any():
        raise ValueError("Got a picture of which nothing is known")
    height, width = known.shape
    scale = min(1.0, _WORK_EDGE / max(height, width))
    small = max(1, round(width * scale)), max(1, round(height * scale))
    weight = cv2.resize(known.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    color = cv2.resize(image * known[..., None].astype(np.float32), small, interpolation=cv2.INTER_AREA)
    filled = cv2.resize(_push_pull(color, weight), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None], image, np.clip(filled + 0.5, 0, 255).astype(np.uint8))


def _push_pull(color: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Colors [H, W, 3] for every pixel from ones multiplied by `weight` [H, W] 0..1."""
    import cv2

    height, width = weight.shape
    mean = color / np.maximum(weight, 1e-6)[..., None]
    if weight.min() >= 1 or max(height, width) == 1:
        return mean
    half = (width + 1) // 2, (height + 1) // 2
    # Smoothing before halving keeps the fill free of the pyramid's blocks.
    coarse = _push_pull(
        cv2.resize(cv2.GaussianBlur(color, (5, 5), 0), half, interpolation=cv2.INTER_AREA),
        cv2.resize(cv2.GaussianBlur(weight, (5, 5), 0), half, interpolation=cv2.INTER_AREA),
    )
    below = cv2.resize(coarse.reshape(half[1], half[0], 3), (width, height), interpolation=cv2.INTER_LINEAR)
    trust = np.clip(_CONFIDENCE * weight, 0, 1)[..., None]
    return trust * mean + (1 - trust) * below
