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
    shares = np.stack([alpha, 1 - alpha])
    means = np.einsum("lij,ijc->lc", shares, observed) / np.maximum(shares.sum((1, 2)), 1e-3)[:, None]
    layers = means[:, :, None, None]
    for size in _levels(len(image)):
        at = (size, size)
        pixels = observed if size == len(image) else cv2.resize(observed, at, interpolation=cv2.INTER_AREA)
        matte = alpha if size == len(image) else cv2.resize(alpha, at, interpolation=cv2.INTER_AREA)
        nearest = np.arange(size) * layers.shape[-1] // size
        layers = layers[..., nearest[:, None], nearest]
        rounds = _ROUNDS_SMALL if size <= _SMALL else _ROUNDS
        layers = _relax(np.ascontiguousarray(pixels.transpose(2, 0, 1)), matte, layers, rounds)
    return layers[0].transpose(1, 2, 0)


def _levels(size: int) -> list[int]:
    """Edges from 2 to `size`, each about twice the one before."""
    count = max(1, int(np.ceil(np.log2(size))))
    return [max(2, round(size ** ((k + 1) / count))) for k in range(count)]


def _neighbors(values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return values [..., S, S] moved by one pixel four ways; the border's own stay there."""
    padded = np.pad(values, [(0, 0)] * (values.ndim - 2) + [(1, 1), (1, 1)], mode="edge")
    return padded[..., :-2, 1:-1], padded[..., 2:, 1:-1], padded[..., 1:-1, :-2], padded[..., 1:-1, 2:]


def _relax(observed: np.ndarray, alpha: np.ndarray, layers: np.ndarray, rounds: int) -> np.ndarray:
    """Colors [2, 3, S, S] of both layers after some rounds.

    In each, a pixel takes the pair of colors that explains it [3, S, S] best, near to those of its neighbors (eq. 5).
    The two normal equations differ from the mean of the neighbors by a step along (alpha, 1 - alpha).
    """
    weights = np.stack([_SMOOTH + _FOLLOW * np.abs(alpha - neighbor) for neighbor in _neighbors(alpha)])
    total = weights.sum(0)
    weights /= total
    shares = np.stack([alpha, 1 - alpha])
    gains = (shares / (total + np.square(shares).sum(0)))[:, None]
    part, error = np.empty_like(layers), np.empty_like(observed)
    for _ in range(rounds):  # in place: new arrays of this size cost more than the sums
        first, *others = zip(weights, _neighbors(layers), strict=True)
        np.multiply(*first, out=layers)
        for weight, neighbor in others:
            layers += np.multiply(weight, neighbor, out=part)
        np.multiply(shares[0], layers[0], out=error)
        error += np.multiply(shares[1], layers[1], out=part[0])
        np.subtract(observed, error, out=error)
        layers += np.multiply(gains, error, out=part)
        np.clip(layers, 0, 1, out=layers)
    return layers
