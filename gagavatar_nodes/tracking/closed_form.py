"""Closed-form matting: Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting", PAMI 2008."""

from __future__ import annotations

from typing import Any

import numpy as np

from .opencv import opencv

_EPSILON = 1e-5
"""Regularization of the windows' color covariance, colors 0..1 (eq. 12)."""
_ITERATIONS = 120
_TOLERANCE = 1e-3


def closed_form_alpha(image: np.ndarray, trimap: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Alpha [H, W] float32 0..1 that is locally an affine function of color.

    Args:
        image: [H, W, 3] uint8 RGB.
        trimap: [H, W] float32: 0 background, 1 foreground, anything between is solved for.
        start: [H, W] float32 0..1, a guess from which the solver sets out.
    """
    from scipy.sparse import diags
    from scipy.sparse.linalg import LinearOperator, cg

    unknown = (trimap > 0) & (trimap < 1)
    alpha = np.where(unknown, start, trimap).astype(np.float64)
    if not unknown.any():
        return alpha.astype(np.float32)
    rows = np.flatnonzero(unknown)
    laplacian = _matting_laplacian(image, unknown)[rows]
    inside = laplacian[:, rows].astype(np.float64)  # once, not at each product
    known = np.where(unknown, 0, alpha).ravel()
    diagonal = inside.diagonal() + 1e-8
    solution, _ = cg(
        inside + diags(np.full(len(rows), 1e-8)),
        -laplacian @ known,
        x0=alpha.ravel()[rows],
        maxiter=_ITERATIONS,
        M=LinearOperator(inside.shape, lambda v: v.ravel() / diagonal),
        **_tolerance(cg),
    )
    alpha.ravel()[rows] = solution
    return np.clip(alpha, 0, 1).astype(np.float32)


def _tolerance(solver: object) -> dict[str, float]:
    """Return the keyword of the tolerance: SciPy 1.12 renamed `tol`."""
    from inspect import signature

    return {"rtol" if "rtol" in signature(solver).parameters else "tol": _TOLERANCE}  # type: ignore[arg-type]


def _matting_laplacian(image: np.ndarray, unknown: np.ndarray) -> Any:
    """[H*W, H*W] sparse matrix of eq. 12, from the 3x3 windows that hold an unknown pixel."""
    from scipy.sparse import coo_matrix

    width = unknown.shape[1]
    touched = opencv().dilate(unknown.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    touched[[0, -1]] = False
    touched[:, [0, -1]] = False
    centers = np.flatnonzero(touched)
    offsets = (np.arange(-1, 2)[:, None] * width + np.arange(-1, 2)).ravel()
    windows = (centers[:, None] + offsets).astype(np.int32)
    colors = image.reshape(-1, 3)[windows].astype(np.float32) / 255
    centered = colors - colors.mean(1, keepdims=True)
    covariance = np.einsum("kic,kid->kcd", centered, centered) / 9 + np.eye(3, dtype=np.float32) * (_EPSILON / 9)
    half = centered @ np.linalg.inv(covariance)
    affinity = (1 + half @ centered.transpose(0, 2, 1)) / 9
    values = np.eye(9, dtype=np.float32) - affinity
    rows, columns = np.repeat(windows, 9, axis=1), np.tile(windows, (1, 9))
    return coo_matrix((values.ravel(), (rows.ravel(), columns.ravel())), shape=(unknown.size, unknown.size)).tocsr()
