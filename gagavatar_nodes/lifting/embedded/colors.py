"""Colors such that the avatar at rest is its portrait: what splats blur is put back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...rendering import rasterize
from ...rendering.blending import blending_matrix
from ...types import Gaussians, Portrait
from .avatar import EmbeddedAvatar
from .least_squares import least_squares

_RIDGE = 0.01  # cost of a change of color, against that of a pixel's error: without it noise would be solved for
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
    change = least_squares(blending_matrix(top, avatar.camera(), size, size), error.reshape(-1, 3), _RIDGE)
    colors = rest.features.copy()
    colors[shown] = np.clip(colors[shown] + np.clip(change, -_MOST_CHANGE, _MOST_CHANGE), 0, 1)
    return replace(avatar, layer=replace(avatar.layer, colors=colors / avatar.shade(avatar.opening())[:, None]))
