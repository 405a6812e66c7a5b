"""The foreground's own colors where a matte is soft."""

from __future__ import annotations

import numpy as np

from .opencv import opencv

_RADII = (45, 4)
"""Half-widths at 512 pixels of the coarse and the fine pass."""


def estimate_foreground(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colors [S, S, 3] uint8 of the foreground of `image` [S, S, 3] uint8 under `alpha` [S, S] float32 0..1.

    Blur fusion, twice: Forte, "Approximate Fast Foreground Color Estimation", ICIP 2021, eqs. 5-7. Where `alpha` is 1
    the picture is returned unchanged; where it is 0 the nearest foreground colors spread.
    """
    observed = image.astype(np.float32) / 255
    a = np.asarray(alpha, np.float32)[..., None]
    foreground, background = observed, observed
    for radius in _RADII:
        radius = max(1, round(radius * image.shape[0] / 512))
        foreground, background = _fuse(observed, foreground, background, a, radius)
    foreground = np.where(a >= 1, observed, foreground)
    return np.round(np.clip(foreground, 0, 1) * 255).astype(np.uint8)


def _fuse(
    observed: np.ndarray, foreground: np.ndarray, background: np.ndarray, alpha: np.ndarray, radius: int
) -> tuple[np.ndarray, np.ndarray]:
    """One pass: local means of both layers, then the foreground moved to explain what was observed (eqs. 5-7)."""
    mean_foreground = _weighted_blur(foreground, alpha, radius)
    mean_background = _weighted_blur(background, 1 - alpha, radius)
    explained = alpha * mean_foreground + (1 - alpha) * mean_background
    return np.clip(mean_foreground + alpha * (observed - explained), 0, 1), mean_background


def _weighted_blur(values: np.ndarray, weights: np.ndarray, radius: int) -> np.ndarray:
    cv2 = opencv()
    kernel = (2 * radius + 1, 2 * radius + 1)
    total = cv2.blur(weights[..., 0], kernel)[..., None]
    fallback = cv2.resize(cv2.resize(values * weights, (8, 8), interpolation=cv2.INTER_AREA), values.shape[1::-1])
    share = cv2.resize(cv2.resize(weights[..., 0], (8, 8), interpolation=cv2.INTER_AREA), values.shape[1::-1])
    tiny = 1e-3  # lets the coarse mean fill in where the window holds none of the layer
    return (cv2.blur(values * weights, kernel) + tiny * fallback) / (total + tiny * share[..., None] + 1e-6)
