"""Hair that a portrait does not show, made of the hair that it shows around the face."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter, minimum_filter1d

from ...easing import smoothstep

_ANGLES, _RADII = 512, 256
_THINNEST = 18  # radii: a thinner rim of hair is no sample of it
_INSET = 2  # radii and angles at its edges, where it mixes with what is beside it
_LEAST = 0.2  # share of the angles at which hair must be seen
_EVEN = 10  # angles, over which the rim's edges are evened
_FADE = (1.0, 3.0)  # widths of the rim, inward of it, between which strands give way: at the middle angles meet
_CONTRAST = (0.4, 2.0)  # least and most of a color over that of the hair around it


def hair_around(color: np.ndarray, hair: np.ndarray, plain: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Continue the rim of hair around a face over the back of its head, as if one looked through the face.

    Around the face's middle, hair reaches from the skin to its outline; inward of the outline the rim is repeated, each
    time mirrored, and at angles without hair so is what lies beside them: strands go on without a seam.

    Args:
        color: [S, S, 3] float32 RGB 0..1.
        hair: [S, S] bool.
        plain: [S, S, 3] float32 RGB 0..1 hair without strands: its light is kept.
        face: [N, 2 or more] pixels of landmarks.

    Returns:
        [S, S, 3] float32 RGB 0..1; `plain` where too little hair is seen.
    """
    size = len(color)
    middle = (face[:, :2].min(0) + face[:, :2].max(0)) / 2
    center, reach = (float(middle[0]), float(middle[1])), size / np.sqrt(2)
    flags = cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS
    unroll = {"dsize": (_RADII, _ANGLES), "center": center, "maxRadius": reach, "flags": flags}
    inner, outer = _rim(cv2.warpPolar(hair.astype(np.float32), **unroll) > 0.5)
    seen = minimum_filter1d(outer - inner >= _THINNEST, 2 * _INSET + 1, mode="wrap")
    if seen.mean() < _LEAST:
        return plain
    source = _mirrored(seen)
    inner, outer = (_evened(edge[source]) for edge in (inner, outer))
    width = np.maximum(outer - inner, _THINNEST)[:, None]
    inward = (outer[:, None] - np.arange(_RADII)) / width
    radii = outer[:, None] - width * (1 - np.abs(np.mod(inward, 2) - 1))
    rows = np.broadcast_to(source[:, None], radii.shape)
    strands = cv2.warpPolar(np.clip(color / np.maximum(plain, 0.02), *_CONTRAST) - 1, **unroll)
    strands = cv2.remap(strands, radii.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR)
    strands = strands * (1 - smoothstep((inward - _FADE[0]) / (_FADE[1] - _FADE[0]))[..., None].astype(np.float32))
    # After the last angle comes the first one again: no seam between them.
    column, row = np.meshgrid(np.arange(size) - middle[0], np.arange(size) - middle[1])
    angle = np.mod(np.arctan2(row, column) / (2 * np.pi), 1) * _ANGLES
    radius = np.hypot(column, row) * (_RADII / reach)
    around = np.concatenate([strands, strands[:1]])
    strands = cv2.remap(around, radius.astype(np.float32), angle.astype(np.float32), cv2.INTER_LINEAR)
    return plain * (1 + strands)


def _rim(hair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last radius [A] of the outermost hair at each angle of [A, R] bool; the last first if none."""
    radii = np.arange(hair.shape[1])
    outer = np.where(hair, radii, 0).max(1)
    gap = ~hair & (radii < outer[:, None])
    inner = np.where(gap, radii + 1, 0).max(1)
    return inner + _INSET, outer - _INSET


def _mirrored(seen: np.ndarray) -> np.ndarray:
    """[A] for each angle itself, or where it is not `seen` [A], the one as far beyond the nearest that is."""
    count = len(seen)
    around, angles = np.flatnonzero(np.tile(seen, 3)), np.arange(count, 2 * count)
    at = np.searchsorted(around, angles)
    before, after = around[at - 1], around[at]
    nearest = np.where(angles - before < after - angles, before, after)
    beyond = (2 * nearest - angles) % count
    return np.where(seen[beyond], beyond, nearest % count)


def _evened(edge: np.ndarray) -> np.ndarray:
    """[A] an edge of the rim, its steps between angles evened."""
    return gaussian_filter1d(median_filter(edge.astype(float), 2 * _EVEN + 1, mode="wrap"), _EVEN, mode="wrap")
