"""Colors such that the avatar at rest is its portrait: what splats blur is put back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...rendering import rasterize
from ...rendering.blending import blending_matrix
from ...types import Gaussians, Portrait
from .avatar import EmbeddedAvatar
from .least_squares import bounded_least_squares

_RIDGE = 0.01  # cost of a change of color, against that of a pixel's error: without it noise would be solved for
_MOST_CHANGE, _BEYOND = 0.5, 0.25  # of a color, and how far out of 0..1: stronger ones ring when the surface moves


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
    matrix = blending_matrix(top, avatar.camera(), size, size)
    low, high = np.maximum(-_BEYOND - top.features, -_MOST_CHANGE), np.minimum(1 + _BEYOND - top.features, _MOST_CHANGE)
    colors = rest.features.copy()
    colors[shown] += bounded_least_squares(matrix, error.reshape(-1, 3), _RIDGE, low, high)
    return replace(avatar, layer=replace(avatar.layer, colors=colors / avatar.shade(avatar.opening())[:, None]))
