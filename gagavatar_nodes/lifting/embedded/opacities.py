"""Opacities such that the avatar at rest has its portrait's matte: what splats blur at its edge is put back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ...face.topology import FACE_OVAL
from ...rendering import rasterize
from ...rendering.blending import coverage_matrix
from ...types import Gaussians, Portrait
from .avatar import EmbeddedAvatar
from .cut import cut_off
from .least_squares import least_squares
from .pixels import polygon, whole_pixels

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_MOST = 0.99
_CLEAR = 0.02  # alpha, and change of alpha, that is not seen
_BAND, _NEAR = 7, 13  # pixels of a crop of 512: widths around the edge of what is looked at, and of what is changed
_ROUNDS, _STEPS = 5, 16
_RIDGE = 0.02  # cost of a change of opacity: splats that even each other out would show when the surface stretches


def solve_opacities(avatar: EmbeddedAvatar, portrait: Portrait, front: int, hidden: int) -> EmbeddedAvatar:
    """Return the avatar whose alpha at rest is the portrait's, by Gauss-Newton steps over its splats' opacities.

    Args:
        avatar: with first guesses of the opacities.
        portrait: the portrait it was lifted from.
        front: number of splats at the beginning that the portrait shows.
        hidden: number of those after them that it hides, whose opacities become no greater.
    """
    rest, camera, size = avatar.rest(), avatar.camera(), portrait.size
    pixels = avatar.stage.project(avatar.stage.from_canonical(avatar.layer.points[: front + hidden]))[:, :2]
    column, row = whole_pixels(pixels, size)
    # A face is opaque up to its outline, of which a matte is less sure than the landmarks are.
    face = polygon(portrait.landmarks[list(FACE_OVAL), :2], size)
    alpha = np.maximum(portrait.alpha, cv2.dilate(face, np.ones((3, 3))))
    missing = cut_off(portrait)
    free = np.flatnonzero((_around_edge(alpha, _NEAR) & ~missing)[row, column])
    band = (_around_edge(alpha, _BAND) & ~missing).ravel()
    # What lies outside of the matte altogether was modeled beyond the picture's end.
    outside = np.flatnonzero(cv2.dilate(alpha, np.ones((3, 3)))[row, column] + missing[row, column] < _CLEAR)
    others, opacities = rest.opacities.copy(), avatar.layer.opacities.copy()
    opacities[outside] = 0
    others[outside] = others[free] = 0
    _, under = rasterize(replace(rest, opacities=others), camera, size, size)
    alone = Gaussians(rest.means[free], rest.covariances[free], np.ones(len(free), np.float32), rest.features[free])
    reach = coverage_matrix(alone, camera, size, size)[band]
    guess = opacities[free]
    most = np.where(free < front, np.float32(_MOST), guess)
    opacities[free] = _solve(reach, 1 - under.ravel()[band], alpha.ravel()[band], guess, most)
    return replace(avatar, layer=replace(avatar.layer, opacities=opacities))


def _around_edge(alpha: np.ndarray, width: int) -> np.ndarray:
    """[S, S] bool: alpha changes within `width` pixels."""
    width = 2 * round(width * len(alpha) / 1024) + 1
    return cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, np.ones((width, width))) > _CLEAR


def _solve(reach: csr_matrix, behind: np.ndarray, alpha: np.ndarray, guess: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Opacities [K] from 0 to `most` of the splats that cover pixels by `reach` [P, K], so that these have `alpha` [P].

    What is not solved for lets `behind` [P] through.
    """
    pixel = np.repeat(np.arange(len(alpha)), np.diff(reach.indptr))
    opacities, slopes = guess, reach.copy()
    for _ in range(_ROUNDS):
        passing = 1 - opacities[reach.indices] * reach.data
        through = behind * np.exp(np.bincount(pixel, np.log(passing), len(alpha)))
        error = (alpha - 1 + through).astype(np.float32)
        slopes.data = (reach.data / passing * through[pixel]).astype(np.float32)
        rise = slopes.T @ error
        held = np.where(rise > 0, opacities >= most, opacities <= 0)
        slopes.data *= ~held[slopes.indices]
        change = least_squares(slopes, error[:, None], _RIDGE, _STEPS)[:, 0]
        opacities = np.clip(opacities + change, 0, most)
    return opacities
