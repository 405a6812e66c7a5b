"""Strands of hair that stand off from a trimap's band: thin lines from the hair's color into the background's."""

from __future__ import annotations

import numpy as np

from .opencv import opencv

_COARSE = 4
"""Pixels a side over which colors around are averaged before they are spread."""
_NEAR, _FAR = 1 / 64, 1 / 32
"""Of the crop's edge, over which the background's and the hair's colors are spread."""
_CALM, _CLEAR = 4.0, 12.0
"""Variances up to which a color is the background's, and from which it is not."""
_NOISE = 3.0
"""CIELAB units that are not seen."""
_LEAST, _OFF = 0.12, 0.5
"""Least share of the hair's color, and how far beside the way to it a color may be, as a share of the way."""
_THIN, _LONG = 9 / 512, 1 / 16
"""Of the crop's edge: width from which nothing is a strand, and the least area in pixels."""
_AROUND = 7 / 512
"""Of the crop's edge: width of what is looked at of a strand."""


def strand_alpha(crop: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    """Alpha [S, S] float32 0..1 of strands that leave the trimap's band, 0 elsewhere.

    There it is how far the color is on the way from the background's to the hair's, both from around.

    Args:
        crop: [S, S, 3] uint8 RGB.
        trimap: [S, S] float32: 0 background, 1 person, anything between is the band.
    """
    cv2 = opencv()
    lab = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    ground = trimap == 0
    around, variance = _background(lab, ground)
    hair, known = _spread(lab, trimap == 1, _FAR)
    way = hair - around
    offset = lab - around
    share = np.einsum("...i,...i", offset, way) / np.maximum(_square_norm(way), 1)
    distance = np.sqrt(_square_norm(offset))
    beside = np.sqrt(_square_norm(offset - share[..., None] * way))
    hit = (trimap < 1) & (distance**2 > _CLEAR * variance + 25) & (share > _LEAST) & (beside < _OFF * distance) & known
    strands = _thin_ones(hit.astype(np.uint8), trimap)
    near = cv2.dilate(strands, _square(_AROUND, len(crop))) > 0
    clear = np.clip(2 * (distance - 2 * np.sqrt(variance) - 2) / np.maximum(distance, 1e-3), 0, 1)
    alpha = np.clip(share, 0, 1) * clear * (beside < _OFF * distance + 1)
    return np.where(near & (trimap < 1), alpha, 0).astype(np.float32)


def _background(lab: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colors [S, S, 3] of the background around, what stands out of it left out, and their variance [S, S]."""
    around, variance = _moments(lab, ground)
    return _moments(lab, ground & (_square_norm(lab - around) < _CALM * variance + _NOISE**2))


def _moments(lab: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, _ = _spread(lab, ground, _NEAR)
    return mean, _spread(_square_norm(lab - mean)[..., None], ground, _NEAR)[0][..., 0]


def _spread(values: np.ndarray, where: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Means [S, S, C] of values [S, S, C] near each pixel `where` [S, S] they are known, and whether any are [S, S]."""
    cv2 = opencv()
    size = len(values)
    weighed = np.dstack([values, np.ones_like(values[..., :1])]) * where[..., None]
    small = cv2.resize(weighed, (max(1, size // _COARSE),) * 2, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), max(0.5, reach * len(small)))
    mean = blurred[..., :-1] / np.maximum(blurred[..., -1:], 1e-4)
    full = cv2.resize(np.dstack([mean, blurred[..., -1:]]), (size, size), interpolation=cv2.INTER_LINEAR)
    return full[..., :-1], full[..., -1] > 1e-3


def _thin_ones(hit: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    """[S, S] uint8 what of `hit` [S, S] is thin and long, begins at what is not, and leaves the trimap's band."""
    cv2 = opencv()
    size = len(hit)
    wide = np.maximum(cv2.morphologyEx(hit, cv2.MORPH_OPEN, _square(_THIN, size)), (trimap == 1).astype(np.uint8))
    root = cv2.dilate(wide, np.ones((5, 5), np.uint8))
    thin = cv2.dilate(hit, np.ones((3, 3), np.uint8)) * (1 - root)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(thin)
    kept = stats[:, cv2.CC_STAT_AREA] > _LONG * size
    for needed in (cv2.dilate(root, np.ones((3, 3), np.uint8)) > 0, trimap == 0):
        kept &= np.isin(np.arange(len(kept)), pieces[needed])
    kept[0] = False
    return kept[pieces].astype(np.uint8)


def _square_norm(vectors: np.ndarray) -> np.ndarray:
    norm: np.ndarray = np.einsum("...i,...i", vectors, vectors)
    return norm


def _square(width: float, size: int) -> np.ndarray:
    edge = 2 * max(1, round(width * size / 2 - 0.5)) + 1
    return np.ones((edge, edge), np.uint8)
