"""Covariances of 3D Gaussians from quaternions and scales, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Array

UPPER_TRIANGLE = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""Row and column of the six numbers that stand for a symmetric 3x3 matrix."""
_FULL = [UPPER_TRIANGLE.index((min(i, j), max(i, j))) for i in range(3) for j in range(3)]


def covariances_from_quaternions(quaternions: Array, scales: Array) -> Array:
    """Return the covariances `M M^T` with `M = R(q) diag(s)` (3D Gaussian Splatting, equation 6).

    Quaternions are used as they are, without normalizing: the published network's are not of unit length, and its
    rasterizer takes them so.

    Args:
        quaternions: [N, 4] w, x, y, z; numpy or torch.
        scales: [N, 3] standard deviations along the axes.

    Returns:
        [N, 6] upper triangles xx, xy, xz, yy, yz, zz of the same kind.
    """
    stack = _stack_of(quaternions)
    w, x, y, z = (quaternions[:, i] for i in range(4))
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    M = [stack(row, 1) * scales for row in rows]
    return stack([(M[i] * M[j]).sum(1) for i, j in UPPER_TRIANGLE], 1)


def symmetric_matrices(upper_triangles: Array) -> Array:
    """Return the [N, 3, 3] matrices of [N, 6] upper triangles, numpy or torch."""
    return upper_triangles[:, _FULL].reshape(-1, 3, 3)


def upper_triangles(matrices: np.ndarray) -> np.ndarray:
    """Return the [..., 6] upper triangles xx, xy, xz, yy, yz, zz of symmetric matrices [..., 3, 3]."""
    rows, columns = zip(*UPPER_TRIANGLE, strict=True)
    return matrices[..., rows, columns]


def quaternions_from_covariances(covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return unit quaternions and scales whose covariances these are, by eigendecomposition.

    Args:
        covariances: [N, 6] upper triangles.

    Returns:
        [N, 4] w, x, y, z with w >= 0, and [N, 3] standard deviations in ascending order, float32.
    """
    matrices = symmetric_matrices(np.asarray(covariances, np.float64))
    variances, axes = np.linalg.eigh(matrices)
    axes[:, :, 0] *= np.sign(np.linalg.det(axes))[:, None]
    scales = np.sqrt(np.maximum(variances, 0))
    return _quaternions_from_rotations(axes).astype(np.float32), scales.astype(np.float32)


def _quaternions_from_rotations(R: np.ndarray) -> np.ndarray:
    """[N, 3, 3] -> [N, 4]: of the four equivalent formulas the one with the largest divisor."""
    d0, d1, d2 = R[:, 0, 0], R[:, 1, 1], R[:, 2, 2]
    a, b, c = R[:, 2, 1] - R[:, 1, 2], R[:, 0, 2] - R[:, 2, 0], R[:, 1, 0] - R[:, 0, 1]
    p, q, r = R[:, 0, 1] + R[:, 1, 0], R[:, 0, 2] + R[:, 2, 0], R[:, 1, 2] + R[:, 2, 1]
    candidates = np.stack(
        [
            np.stack([1 + d0 + d1 + d2, a, b, c], 1),
            np.stack([a, 1 + d0 - d1 - d2, p, q], 1),
            np.stack([b, p, 1 - d0 + d1 - d2, r], 1),
            np.stack([c, q, r, 1 - d0 - d1 + d2], 1),
        ],
        1,
    )
    best = np.argmax(np.einsum("nii->ni", candidates), axis=1)
    chosen = candidates[np.arange(len(R)), best]
    chosen *= np.where(chosen[:, :1] < 0, -1.0, 1.0)
    return chosen / np.linalg.norm(chosen, axis=1, keepdims=True)


def _stack_of(array: Array) -> Any:
    if isinstance(array, np.ndarray):
        return np.stack
    import torch

    return torch.stack
