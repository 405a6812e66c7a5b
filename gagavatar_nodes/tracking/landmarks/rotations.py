"""Axis-angles, batched, in numpy."""

from __future__ import annotations

import numpy as np

_SMALL = 1e-8  # squared radians


def skew(v: np.ndarray) -> np.ndarray:
    """[..., 3] -> [..., 3, 3] with `skew(v) @ x = v x x`."""
    K = np.zeros((*v.shape, 3))
    K[..., 0, 1], K[..., 0, 2], K[..., 1, 2] = -v[..., 2], v[..., 1], -v[..., 0]
    return K - K.swapaxes(-1, -2)


def rotation_of(axis_angle: np.ndarray) -> np.ndarray:
    """Rodrigues' formula: [..., 3] radians -> [..., 3, 3]."""
    K = skew(axis_angle)
    sine, cosine, _ = _coefficients(axis_angle)
    return np.eye(3) + sine * K + cosine * (K @ K)


def left_jacobian(axis_angle: np.ndarray) -> np.ndarray:
    """[..., 3, 3] J with `R(w + d) = R(J d) R(w)` to first order."""
    K = skew(axis_angle)
    _, cosine, rest = _coefficients(axis_angle)
    return np.eye(3) + cosine * K + rest * (K @ K)


def axis_angle_of(rotation: np.ndarray) -> np.ndarray:
    """[..., 3, 3] -> [..., 3] radians, for angles under pi."""
    w = np.stack([rotation[..., i, j] - rotation[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0))], -1) / 2
    sine = np.linalg.norm(w, axis=-1)
    angle = np.arctan2(sine, (np.trace(rotation, axis1=-2, axis2=-1) - 1) / 2)
    return w * np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 1.0)[..., None]


def _coefficients(axis_angle: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """sin(a)/a, (1 - cos(a))/a^2 and (a - sin(a))/a^3, each [..., 1, 1]."""
    squared = (axis_angle**2).sum(-1)[..., None, None]
    small = squared < _SMALL
    safe = np.where(small, 1.0, squared)
    angle = np.sqrt(safe)
    sine = np.where(small, 1 - squared / 6, np.sin(angle) / angle)
    cosine = np.where(small, 0.5 - squared / 24, (1 - np.cos(angle)) / safe)
    rest = np.where(small, 1 / 6 - squared / 120, (angle - np.sin(angle)) / (safe * angle))
    return sine, cosine, rest
