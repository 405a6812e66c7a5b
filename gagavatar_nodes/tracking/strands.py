"""Hair that stands off from a trimap's band: tufts of the hair's color, and strands on the way to the background's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .around import mean_around
from .opencv import opencv

_KNOWN = 1e-3
"""Least share of what is near that is hair."""
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
_TUFT, _LARGEST = 40 / 512, 0.01
"""Of the crop's edge, and of its area: from there on nothing is a tuft."""
_HAIRY, _ASIDE = 0.6, 0.3
"""As `_LEAST` and `_OFF`, of tufts: what stands behind a person may have the hair's color, but seldom that well."""
_CORE = 2 / 512
"""Of the crop's edge: as far inside of a tuft it is opaque."""
_CONTRAST = 20.0
"""CIELAB units from the background's color from which a tuft is looked for: a shadow is nearer."""
_WIDELY = 1 / 16
"""As `_NEAR` and `_FAR`, of tufts: nearer they hide most of the background."""
_BESIDE = 13 / 512
"""As `_AROUND`, of tufts."""


def with_tufts(crop: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    """[S, S] float32 the trimap, and in it the tufts that begin at the person and leave its band.

    Wider than strands, they are opaque inside and have a band of their own; see `strand_alpha` for the arguments.
    """
    cv2 = opencv()
    seen = _Ways.between(crop, trimap, _WIDELY, _WIDELY)
    alike = (trimap < 1) & (seen.share > _HAIRY) & (seen.beside < _ASIDE * seen.distance) & seen.stands_out
    alike &= seen.distance > _CONTRAST
    size = len(crop)
    solid = cv2.morphologyEx((alike | (trimap == 1)).astype(np.uint8), cv2.MORPH_OPEN, _disc(2 * _CORE, size))
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(solid * (trimap == 0), connectivity=4)
    _, whole = cv2.connectedComponents(solid, connectivity=4)
    kept = stats[:, cv2.CC_STAT_AREA] < _LARGEST * size**2
    kept &= np.isin(np.arange(len(kept)), pieces[np.isin(whole, whole[trimap == 1])])
    kept &= ~np.isin(np.arange(len(kept)), pieces[cv2.morphologyEx(solid, cv2.MORPH_OPEN, _disc(_TUFT, size)) > 0])
    wide = cv2.morphologyEx(solid, cv2.MORPH_OPEN, _disc(_THIN, size)) > 0
    kept &= np.isin(np.arange(len(kept)), pieces[wide])
    kept[0] = False
    tufts = kept[pieces].astype(np.uint8)
    around = cv2.dilate(tufts, _square(_BESIDE, size)) > 0
    core = (cv2.erode(solid, _square(2 * _CORE, size)) > 0) & (cv2.dilate(tufts, _square(_CORE, size)) > 0)
    return np.where(core, 1, np.where(around, np.maximum(trimap, 0.5), trimap)).astype(np.float32)


def strand_alpha(crop: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    """Alpha [S, S] float32 0..1 of strands that leave the trimap's band, 0 elsewhere.

    There it is how far the color is on the way from the background's to the hair's, both from around.

    Args:
        crop: [S, S, 3] uint8 RGB.
        trimap: [S, S] float32: 0 background, 1 person, anything between is the band.
    """
    cv2 = opencv()
    seen = _Ways.between(crop, trimap)
    hit = (trimap < 1) & seen.stands_out & (seen.share > _LEAST) & (seen.beside < _OFF * seen.distance)
    strands = _thin_ones(hit.astype(np.uint8), trimap)
    near = cv2.dilate(strands, _square(_AROUND, len(crop))) > 0
    clear = np.clip(2 * (seen.distance - 2 * np.sqrt(seen.variance) - 2) / np.maximum(seen.distance, 1e-3), 0, 1)
    alpha = np.clip(seen.share, 0, 1) * clear * (seen.beside < _OFF * seen.distance + 1)
    return np.where(near & (trimap < 1), alpha, 0).astype(np.float32)


@dataclass(frozen=True)
class _Ways:
    """Where each pixel is beside the way from the background's color around to the hair's, each [S, S]."""

    share: np.ndarray
    """Of the way that is gone, 1 at the hair's color."""
    distance: np.ndarray
    """CIELAB units from the background's color."""
    beside: np.ndarray
    """CIELAB units from the way."""
    variance: np.ndarray
    """Square CIELAB units, of the background around."""
    stands_out: np.ndarray
    """Bool: near hair, and not of the background's color."""

    @staticmethod
    def between(crop: np.ndarray, trimap: np.ndarray, near: float = _NEAR, far: float = _FAR) -> _Ways:
        lab = opencv().cvtColor(crop.astype(np.float32) / 255, opencv().COLOR_RGB2LAB)
        around, variance = _background(lab, trimap == 0, near)
        hair, known = mean_around(lab, trimap == 1, far)
        way = hair - around
        offset = lab - around
        share = np.einsum("...i,...i", offset, way) / np.maximum(_square_norm(way), 1)
        distance = np.sqrt(_square_norm(offset))
        beside = np.sqrt(_square_norm(offset - share[..., None] * way))
        return _Ways(share, distance, beside, variance, (known > _KNOWN) & (distance**2 > _CLEAR * variance + 25))


def _background(lab: np.ndarray, ground: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Colors [S, S, 3] of the background around, what stands out of it left out, and their variance [S, S]."""
    around, variance = _moments(lab, ground, reach)
    return _moments(lab, ground & (_square_norm(lab - around) < _CALM * variance + _NOISE**2), reach)


def _moments(lab: np.ndarray, ground: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    mean, _ = mean_around(lab, ground, reach)
    return mean, mean_around(_square_norm(lab - mean)[..., None], ground, reach)[0][..., 0]


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


def _disc(width: float, size: int) -> np.ndarray:
    cv2 = opencv()
    disc: np.ndarray = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(width * size / 2) + 1,) * 2)
    return disc
