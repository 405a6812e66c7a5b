"""Regularized linear least squares."""

from __future__ import annotations

from typing import Any

import numpy as np


def least_squares(matrix: Any, error: np.ndarray, ridge: float, steps: int = 20) -> np.ndarray:
    """Return x [N, C] that minimizes |matrix x - error|^2 + ridge |x|^2, `error` [M, C], by conjugate gradients."""
    return bounded_least_squares(matrix, error, ridge, -np.inf, np.inf, 1, steps)


def bounded_least_squares(
    matrix: Any,
    error: np.ndarray,
    ridge: float,
    low: np.ndarray | float,
    high: np.ndarray | float,
    rounds: int = 2,
    steps: int = 10,
) -> np.ndarray:
    """Return x [N, C] between `low` and `high` that minimizes |matrix x - error|^2 + ridge |x|^2, `error` [M, C].

    By conjugate gradients; what meets a bound stays there, and the others make up for it in the next round.
    """
    transposed = matrix.T.tocsr()
    change = np.zeros((matrix.shape[1], error.shape[1]), np.float32)
    free = np.ones_like(change)
    for _ in range(rounds):
        residual = free * (transposed @ (error - matrix @ change) - np.float32(ridge) * change)
        step, square = residual, (residual**2).sum(0)
        for _ in range(steps):
            image = free * (transposed @ (matrix @ step) + np.float32(ridge) * step)
            length = square / np.maximum((step * image).sum(0), 1e-20)
            change += length * step
            residual = residual - length * image
            last, square = square, (residual**2).sum(0)
            step = residual + square / np.maximum(last, 1e-20) * step
        free = ((change > low) & (change < high)).astype(np.float32)
        change = np.clip(change, low, high)
    return change
