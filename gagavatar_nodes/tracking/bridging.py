"""Fills frames without a face from those with one."""

from __future__ import annotations

import numpy as np


class Bridge:
    """Interpolates linearly between the known frames of a sequence, and holds the first and the last of them."""

    def __init__(self, known: np.ndarray, length: int) -> None:
        """`known` [K] are the increasing indices of the frames that have values, K >= 1, of `length` frames."""
        self._position = np.interp(np.arange(length), known, np.arange(len(known)))

    def fill(self, values: np.ndarray) -> np.ndarray:
        """[length, ...] from the known frames' values [K, ...], in their dtype."""
        before = np.floor(self._position).astype(int)
        after = np.minimum(before + 1, len(values) - 1)
        share = (self._position - before).astype(np.float32)
        filled = values[before]
        between = np.flatnonzero(share)
        weight = share[between].reshape(-1, *[1] * (values.ndim - 1))
        filled[between] = (1 - weight) * values[before[between]] + weight * values[after[between]]
        return filled

    def fill_rotations(self, rotations: np.ndarray) -> np.ndarray:
        """[length, 3, 3] from [K, 3, 3]: blends, taken back to the nearest rotation."""
        U, _, Vt = np.linalg.svd(self.fill(rotations))
        U[..., -1] *= np.sign(np.linalg.det(U @ Vt))[..., None]
        return (U @ Vt).astype(rotations.dtype)
