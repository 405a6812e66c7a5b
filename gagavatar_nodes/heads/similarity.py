"""The similarity that brings one set of points nearest to another."""

from __future__ import annotations

import numpy as np


def similarity(source: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation [3, 3] and translation [3] that best take points [N, 3] to `target`; see `similarities`."""
    scales, rotations, translations = similarities(source, target[None], weights)
    return float(scales[0]), rotations[0], translations[0]


def similarities(
    source: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scales [T], rotations [T, 3, 3] and translations [T, 3] that best take points [N, 3] to each of [T, N, 3].

    Weighted least squares by Umeyama 1991, eqs. 39-43; `weights` [N] need not add up to one.
    """
    w = weights / weights.sum()
    source_mean, target_means = w @ source, np.einsum("n,tnc->tc", w, targets)
    source, targets = source - source_mean, targets - target_means[:, None]
    U, S, Vt = np.linalg.svd(np.einsum("n,tni,nj->tij", w, targets, source))
    signs = np.ones_like(S)
    signs[:, 2] = np.sign(np.linalg.det(U @ Vt))
    R = (U * signs[:, None]) @ Vt
    scales = (S * signs).sum(1) / (w @ (source**2).sum(1))
    return scales, R, target_means - scales[:, None] * (R @ source_mean)
