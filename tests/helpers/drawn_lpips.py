"""Weights of LPIPS's backbones and two pictures, drawn by formulas: any machine and library makes the same ones."""

import math

import numpy as np


def drawn_tensor(index: int, shape: tuple[int, ...]) -> np.ndarray:
    """float32 of `shape`, of the size that keeps activations about as large as they were."""
    count = math.prod(shape)
    fan_in = math.prod(shape[1:]) if len(shape) > 1 else 100
    waves = np.sin(1.7 * np.arange(count) ** 1.03 + 13.7 * index)
    return (waves * 2 / math.sqrt(fan_in)).reshape(shape).astype(np.float32)


def drawn_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Name -> tensor, by the order of the names."""
    return {name: drawn_tensor(index, shape) for index, (name, shape) in enumerate(shapes.items())}


def drawn_pictures(edge: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Two pictures [edge, edge, 3] float32 0..1 that resemble each other."""
    y, x = np.mgrid[:edge, :edge] / edge
    picture = np.stack([x, y, (np.sin(12 * x) * np.cos(9 * y) + 1) / 2], -1)
    other = np.clip(picture + 0.2 * np.sin(20 * (x + y))[..., None], 0, 1)
    return picture.astype(np.float32), other.astype(np.float32)
