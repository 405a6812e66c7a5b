"""Regularized linear least squares."""

from __future__ import annotations

from typing import Any

import numpy as np


def least_squares(matrix: Any, error: np.ndarray, ridge: float, steps: int = 20) -> np.ndarray:
    """Return x [N, C] that minimizes |matrix x - error|^2 + ridge |x|^2, `error` [M, C], by conjugate gradients."""
    transposed = matrix.T.tocsr()
    change = np.zeros((matrix.shape[1], error.shape[1]), np.float32)
    residual = transposed @ error
    step, square = residual, (residual**2).sum(0)
    for _ in range(steps):
        image = transposed @ (matrix @ step) + np.float32(ridge) * step
        length = square / np.maximum((step * image).sum(0), 1e-20)
        change += length * step
        residual = residual - length * image
        last, square = square, (residual**2).sum(0)
        step = residual + square / np.maximum(last, 1e-20) * step
    return change
