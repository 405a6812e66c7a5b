"""Bounded least squares by conjugate gradients, compared with SciPy's solver for dense matrices."""

from __future__ import annotations

import numpy as np
from scipy.optimize import lsq_linear
from scipy.sparse import csr_matrix

from gagavatar_nodes.lifting.embedded.least_squares import bounded_least_squares


def test_what_is_found_within_bounds_comes_near_the_best_and_beats_what_is_clipped():
    places, splats = np.arange(60)[:, None], np.linspace(0, 59, 48)
    blurred = np.exp(-0.5 * np.square((places - splats) / 1.6))
    matrix = (blurred / blurred.sum(1, keepdims=True)).astype(np.float32)
    stripes = np.where(places % 8 < 4, 0.45, -0.45).astype(np.float32) * np.ones(3, np.float32)
    low, high = np.full((48, 3), -0.5, np.float32), np.full((48, 3), 0.5, np.float32)

    found = bounded_least_squares(csr_matrix(matrix), stripes, 0.01, low, high)

    def error(change: np.ndarray) -> float:
        return float(np.square(matrix @ change - stripes[:, 0]).sum())

    best = error(lsq_linear(matrix.astype(float), stripes[:, 0], (-0.5, 0.5)).x)
    clipped = error(np.clip(np.linalg.lstsq(matrix, stripes[:, 0], rcond=None)[0], -0.5, 0.5))
    assert np.abs(found).max() <= 0.5
    assert error(found[:, 0]) < best + 0.2 * (clipped - best)
