"""The foreground's own colors where a matte is soft."""

from __future__ import annotations

import numpy as np

from .opencv import opencv

_SMOOTH, _FOLLOW = 5e-4, 0.1
"""Cost of neighbors that differ, where the matte is even, and more for each step of the matte between them."""
_SMALL = 32
"""Edge up to which a level costs nothing."""
_ROUNDS_SMALL, _ROUNDS = 12, 4


def estimate_foreground(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colors [S, S, 3] uint8 of the foreground of `image` [S, S, 3] uint8 under `alpha` [S, S] float32 0..1.

    Both layers are smooth and explain the picture together: Germer et al., "Fast Multi-Level Foreground Estimation",
    ICPR 2020, eqs. 2-6, from coarse to fine. Where `alpha` is 1 the picture is returned unchanged; where it is 0 the
    nearest foreground colors spread.
    """
    alpha = np.asarray(alpha, np.float32)
    foreground = _estimate(image, alpha)
    foreground = np.where(alpha[..., None] >= 1, image, foreground * 255)
    return np.round(np.clip(foreground, 0, 255)).astype(np.uint8)


def _estimate(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colors of the foreground, [S, S, 3] float32 0..1; see `estimate_foreground`."""
    cv2 = opencv()
    observed = image.astype(np.float32) / 255
    a = alpha[..., None]
    foreground = ((a * observed).sum((0, 1)) / max(float(a.sum()), 1e-3)).reshape(1, 1, 3)
    background = (((1 - a) * observed).sum((0, 1)) / max(float((1 - a).sum()), 1e-3)).reshape(1, 1, 3)
    for size in _levels(len(image)):
        at = (size, size)
        pixels = observed if size == len(image) else cv2.resize(observed, at, interpolation=cv2.INTER_AREA)
        matte = alpha if size == len(image) else cv2.resize(alpha, at, interpolation=cv2.INTER_AREA)
        foreground = cv2.resize(foreground.astype(np.float32), at, interpolation=cv2.INTER_NEAREST)
        background = cv2.resize(background.astype(np.float32), at, interpolation=cv2.INTER_NEAREST)
        weights = _weights(matte)
        for _ in range(_ROUNDS_SMALL if size <= _SMALL else _ROUNDS):
            foreground, background = _relax(pixels, matte, weights, foreground, background)
    return foreground


def _levels(size: int) -> list[int]:
    """Edges from 2 to `size`, each about twice the one before."""
    count = max(1, int(np.ceil(np.log2(size))))
    return [max(2, round(size ** ((k + 1) / count))) for k in range(count)]


def _weights(alpha: np.ndarray) -> np.ndarray:
    """[4, S, S] cost of a difference to the upper, lower, left and right neighbor."""
    return np.stack([_SMOOTH + _FOLLOW * np.abs(alpha - neighbor) for neighbor in _neighbors(alpha)])


def _neighbors(values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return values [S, S, ...] moved by one pixel four ways; the border's own stay there."""
    padded = np.pad(values, [(1, 1), (1, 1)] + [(0, 0)] * (values.ndim - 2), mode="edge")
    return padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]


def _relax(
    observed: np.ndarray, alpha: np.ndarray, weights: np.ndarray, foreground: np.ndarray, background: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One round: each pixel's pair of colors that explains it best, near to those of its neighbors (eq. 5).

    The two normal equations differ from the mean of the neighbors by a step along (alpha, 1 - alpha).
    """
    total = weights.sum(0)[..., None]
    share = weights[..., None] / total
    pull = [sum(w * n for w, n in zip(share, _neighbors(layer), strict=True)) for layer in (foreground, background)]
    a, b = alpha[..., None], 1 - alpha[..., None]
    step = (observed - a * pull[0] - b * pull[1]) / (total + a * a + b * b)
    return np.clip(pull[0] + a * step, 0, 1), np.clip(pull[1] + b * step, 0, 1)
