"""Colors such that the avatar at rest is its portrait: what splats blur is put back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...rendering import rasterize
from ...rendering.blending import blending_matrix
from ...types import Gaussians, Portrait
from .avatar import EmbeddedAvatar

_RIDGE = 0.01  # cost of a change of color, against that of a pixel's error: without it noise would be solved for
_STEPS = 20
_MOST_CHANGE = 0.5  # of a color: stronger ones ring when the surface moves


def solve_colors(avatar: EmbeddedAvatar, portrait: Portrait, shown: np.ndarray) -> EmbeddedAvatar:
    """Return the avatar whose drawing at rest is the portrait, by least squares over the blending of its splats.

    Args:
        avatar: with first guesses of the colors.
        portrait: the portrait it was lifted from.
        shown: rows of the splats that the portrait shows; the others, under them, keep their colors.
    """
    rest, size = avatar.rest(), portrait.size
    drawn, alpha = rasterize(rest, avatar.camera(), size, size)
    opaque = np.clip((portrait.alpha - 0.8) / 0.15, 0, 1)[..., None]
    error = opaque * (portrait.crop / np.float32(255) - drawn / np.maximum(alpha[..., None], 0.5))
    top = Gaussians(rest.means[shown], rest.covariances[shown], rest.opacities[shown], rest.features[shown])
    change = _least_squares(blending_matrix(top, avatar.camera(), size, size), error.reshape(-1, 3))
    colors = rest.features.copy()
    colors[shown] = np.clip(colors[shown] + np.clip(change, -_MOST_CHANGE, _MOST_CHANGE), 0, 1)
    return replace(avatar, layer=replace(avatar.layer, colors=colors / avatar.shade(avatar.opening())[:, None]))


def _least_squares(matrix: Any, error: np.ndarray) -> np.ndarray:
    """Return x [N, 3] that minimizes |matrix x - error|^2 + ridge |x|^2, by conjugate gradients."""
    transposed = matrix.T.tocsr()
    change = np.zeros((matrix.shape[1], error.shape[1]), np.float32)
    residual = transposed @ error
    step, square = residual, (residual**2).sum(0)
    for _ in range(_STEPS):
        image = transposed @ (matrix @ step) + np.float32(_RIDGE) * step
        length = square / np.maximum((step * image).sum(0), 1e-20)
        change += length * step
        residual = residual - length * image
        last, square = square, (residual**2).sum(0)
        step = residual + square / np.maximum(last, 1e-20) * step
    return change
