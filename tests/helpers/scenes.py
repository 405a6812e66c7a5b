"""Random scenes of Gaussians, and the tolerance between two correct rasterizers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gagavatar_nodes.rendering.covariance import covariances_from_quaternions
from gagavatar_nodes.types import Camera, Gaussians

CAMERA = Camera.frontal(9.0)
CLOSE = Camera(np.concatenate([CAMERA.transform[:, :3], [[0.1], [-0.1], [2.0]]], 1), focal=1.5)


def scene(
    count: int = 2000,
    channels: int = 3,
    seed: int = 0,
    scales: tuple[float, float] = (0.003, 0.1),
    spread: tuple[float, float, float] = (1.0, 0.8, 0.6),
) -> Gaussians:
    """Gaussians around the origin, where `CAMERA` looks; `scales` in head units, of which a 96-wide image shows 1.5."""
    g = np.random.default_rng(seed)
    quaternions = g.standard_normal((count, 4))
    quaternions *= g.uniform(0.4, 1.1, (count, 1)) / np.linalg.norm(quaternions, axis=1, keepdims=True)
    return Gaussians(
        means=(g.uniform(-1, 1, (count, 3)) * spread).astype(np.float32),
        covariances=covariances_from_quaternions(quaternions, np.exp(g.uniform(*np.log(scales), (count, 3)))).astype(
            np.float32
        ),
        opacities=g.uniform(0.0, 1.0, count).astype(np.float32),
        features=g.standard_normal((count, channels)).astype(np.float32),
    )


def gentle(channels: int = 5, seed: int = 2, count: int = 150) -> Gaussians:
    """For `CLOSE`: no alpha near the cap, no splat beyond the field of view."""
    g = scene(count, channels, seed, scales=(0.01, 0.15), spread=(0.6, 0.4, 0.5))
    return replace(g, opacities=0.1 + 0.7 * g.opacities)


def gradient_errors(got: Gaussians, expected: Gaussians) -> dict[str, float]:
    """Relative error of each gradient, norm over norm."""
    pairs = ((key, value, getattr(expected, key)) for key, value in vars(got).items())
    return {key: float(np.linalg.norm(a - b) / np.linalg.norm(b)) for key, a, b in pairs}


def assert_same_image(got: np.ndarray, truth: np.ndarray, rare: float = 5e-3, usual: float = 5e-5) -> None:
    """The 99.9th percentile of the error is small. Single pixels may differ more, by up to the contribution of a splat
    that two roundings put on different sides of the 1/255 test or of the transmittance at which a pixel stops."""
    assert got.shape == truth.shape
    if got.size == 0:
        return
    peak = max(1.0, float(np.abs(truth).max()))
    error = np.abs(got.astype(np.float64) - truth).reshape(*truth.shape[:2], -1).max(-1) / peak
    assert np.quantile(error, 0.999) < usual
    assert error.max() < rare
