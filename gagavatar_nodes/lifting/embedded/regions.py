"""What the pixels of a portrait are: skin by its color, hair by its place, from landmarks and matte."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...easing import smoothstep
from ...face.topology import BROWS, CHIN, EYE_RINGS, FOREHEAD, INNER_LIPS, LEFT_EYE_RING, RIGHT_EYE_RING
from ...types import Portrait
from .pixels import polygon
from .throat import throat_of

_CHROMA_NOISE = 3.0  # CIELAB units that a skin's color may differ beside what the face shows of it
_LIGHTER, _DARKER = 8.0, 20.0  # than what the face shows
_OPAQUE = 0.9
_AROUND = 15 / 512  # of the crop's edge: as far from the face what is not skin is hair
_FEW = 200  # pixels
_NO_SKIN = 0.4  # likeness to the face's skin
_LASHES, _THIN, _SOFT = 5 / 512, 4 / 512, 2 / 512  # of the crop's edge: around eyes and brows; half of a frame's width
_BARE = (0.35, 0.7)  # share of skin beside the face from which on it may be hair, and it is a bald head's
_FINE = 6.0  # pixels of a blur's standard deviation: with more there is nothing that fewer pixels do not hold
_LIGHT = (10, 40)  # percentiles of the face's lightness: as dark as few of it, and as light as most
_COLORED = (0.1, 0.3)  # share of hair unlike skin from which on it tells the color of the rest, and surely
_USUAL = 1.5  # median departures of the hair's hue from its middle
_SHADE = 0.85  # of the head's back, over that of the hair around the face


@dataclass(frozen=True)
class Regions:
    """A parsing of the crop."""

    skin: np.ndarray
    """[S, S] float32 0..1 how much the pixels are like the face's skin; 0 outside the matte."""
    face: np.ndarray
    """[S, S] float32 0..1 inside of the landmarks' mesh."""
    hair: np.ndarray
    """[S, S] float32 0..1 beside the face and above the lobes of the ears."""
    locks: np.ndarray
    """[S, S] float32 0..1 hair that hangs over the face from beside it."""
    jaw: np.ndarray
    """[3] RGB 0..1 of the skin over the chin and the jaw."""
    throat: np.ndarray
    """[S, S] float32 0..1 how much the pixels under the jaw are like its skin in the shade."""
    under: np.ndarray
    """[3] RGB 0..1 of the jaw's underside."""
    behind: np.ndarray
    """[S, S, 3] float32 RGB 0..1 of the head's back: as light as the hair near it, a little darker."""

    @staticmethod
    def of(portrait: Portrait, face: np.ndarray) -> Regions:
        """Return the regions of a tracked portrait, whose face is `face` [S, S] bool."""
        opaque = portrait.alpha > _OPAQUE
        lab = _lab(portrait)
        shown = lab[face & opaque & ~_features(portrait)]
        alike = _likeness(lab, shown)
        skin = alike * opaque
        locks = _locks(portrait, face, (skin < _NO_SKIN) & opaque)
        around = 2 * round(_AROUND * portrait.size / 2) + 1
        beside = opaque & (cv2.dilate(face.astype(np.uint8), np.ones((around, around))) == 0)
        rows = np.arange(portrait.size)[:, None]
        over = beside & (rows < portrait.landmarks[FOREHEAD, 1])
        skin *= 1 - ~face * _rather(lab, lab[over], shown)
        eyes = portrait.landmarks[list(LEFT_EYE_RING + RIGHT_EYE_RING), 1].mean()
        lobes = (eyes + portrait.landmarks[CHIN, 1]) / 2
        above = np.clip((lobes - rows) / max(lobes - eyes, 1), 0, 1)
        hair = beside * above
        # Some hair has the color of skin, and a bald head has none: the skull's own skin goes on behind it.
        low, high = _BARE
        doubt = np.clip((high - (hair * skin).sum() / max(hair.sum(), 1e-3)) / (high - low), 0, 1)
        hair = (hair * (1 - doubt * skin)).astype(np.float32)
        color = portrait.crop / np.float32(255)
        lower = face & (skin > 0.5) & (rows > portrait.landmarks[list(INNER_LIPS), 1].mean())
        jaw = np.median(color[lower if lower.any() else face], axis=0)
        head = (opaque * above).astype(np.float32)
        behind = _SHADE * _spread(color, _surely_hair(hair, alike * _as_light(lab, shown), lab))
        throat, under = throat_of(color, opaque & ~face, jaw, portrait)
        return Regions(skin.astype(np.float32), face.astype(np.float32), head, locks, jaw, throat, under, behind)


def _locks(portrait: Portrait, face: np.ndarray, other: np.ndarray) -> np.ndarray:
    """[S, S] float32 0..1 of the `face` [S, S] what is `other` than skin and goes on beside it, over the mouth.

    No brows, lashes or frames of glasses: those are thin.
    """
    marks, size = portrait.landmarks[:, :2], portrait.size
    other = other & (np.arange(size)[:, None] < marks[list(INNER_LIPS), 1].mean())
    for mark in (*EYE_RINGS, BROWS[:10], BROWS[10:]):
        hull = cv2.convexHull(np.round(marks[list(mark)]).astype(np.int32))
        other &= cv2.dilate(cv2.fillConvexPoly(np.zeros((size, size), np.uint8), hull, 1), _disc(_LASHES * size)) == 0
    wide = cv2.morphologyEx(other.astype(np.uint8), cv2.MORPH_OPEN, _disc(_THIN * size))
    _, parts = cv2.connectedComponents(wide)
    beside = np.isin(parts, np.unique(parts[~face & (wide > 0)])) & (wide > 0)
    return cv2.GaussianBlur((beside & face).astype(np.float32), (0, 0), _SOFT * size) * face


def _disc(radius: float) -> np.ndarray:
    """Pixels of a disc for morphology."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(radius) + 1,) * 2)


def _spread(color: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """[S, S, 3] the color of the hair [S, S] near each pixel."""
    spread = hair[..., None] * color
    filled = spread.sum((0, 1)) / max(float(hair.sum()), 1e-3) * np.ones_like(color)
    for share in (1 / 8, 1 / 24):
        weight = _blur(hair, share * len(color))[..., None]
        known = np.clip(weight / 0.05, 0, 1)
        filled += known * (_blur(spread, share * len(color)) / np.maximum(weight, 1e-3) - filled)
    return filled


def _as_light(lab: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """[S, S] 0..1 how far colors [S, S, 3] are as light as the face, `shown` [N, 3], mostly is: skin, no brown hair."""
    low, high = np.percentile(shown[:, 0], _LIGHT) if len(shown) else (0, 1)
    return smoothstep((lab[..., 0] - low) / max(high - low, 1))


def _surely_hair(hair: np.ndarray, skin: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """[S, S] the `hair` [S, S] that has no color of `skin` [S, S], if there is enough, and no ear's or jewel's hue."""
    other = hair * (1 - skin)
    low, high = _COLORED
    sure = smoothstep((other.sum() / max(hair.sum(), 1e-3) - low) / (high - low))
    hair = hair + sure * (other - hair)
    shown = lab[hair > 0.5][:, 1:]
    if len(shown) < _FEW:
        return hair
    off = np.linalg.norm(lab[..., 1:] - np.median(shown, axis=0), axis=-1)
    return hair * (off < _USUAL * np.median(off[hair > 0.5]) + _CHROMA_NOISE)


def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """[S, S, ...] an image blurred by a Gaussian, of `sigma` pixels; a wide one is as smooth on fewer pixels."""
    size = image.shape[1::-1]
    shrink = max(1.0, sigma / _FINE)
    small = cv2.resize(image, tuple(round(edge / shrink) for edge in size), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / shrink), size, interpolation=cv2.INTER_CUBIC)


def _features(portrait: Portrait) -> np.ndarray:
    """[S, S] bool: eyes and mouth."""
    rings = [polygon(portrait.landmarks[list(ring), :2], portrait.size) > 0 for ring in (*EYE_RINGS, INNER_LIPS)]
    return np.any(rings, axis=0)


def _lab(portrait: Portrait) -> np.ndarray:
    """[S, S, 3] CIELAB, its noise smoothed."""
    lab = cv2.cvtColor(portrait.crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return cv2.GaussianBlur(lab, (0, 0), portrait.size / 512)


def _likeness(lab: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """[S, S] likeness of colors [S, S, 3] to those of the face, `shown` [N, 3]."""
    if len(shown) < _FEW:
        return np.ones(lab.shape[:2])
    middle = np.median(shown[:, 1:], axis=0)
    near = shown[np.linalg.norm(shown[:, 1:] - middle, axis=1) < 25]
    spread = np.linalg.inv(np.cov(near[:, 1:].T) + _CHROMA_NOISE**2 * np.eye(2))
    chroma = lab[..., 1:] - middle
    far = np.einsum("...i,ij,...j", chroma, spread, chroma)
    low, high = np.percentile(shown[:, 0], [5, 99])
    light = lab[..., 0]
    off = np.maximum((low - light) / _DARKER, (light - high) / _LIGHTER).clip(0)
    return np.exp(-np.maximum(far - 3, 0) / 4 - 2 * off**2)


def _rather(lab: np.ndarray, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[S, S] probability that colors [S, S, 3] are of `ones` [N, 3], not of `others` [M, 3]; 0 if there are few."""
    if min(len(ones), len(others)) < _FEW:
        return np.zeros(lab.shape[:2])
    apart = _far(lab, others) - _far(lab, ones)
    return 1 / (1 + np.exp(-np.clip(apart / 2, -30, 30)))


def _far(lab: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """[S, S] minus twice the logarithm of the density of the normal distribution of `samples` [N, 3]."""
    spread = np.cov(samples.T) + _CHROMA_NOISE**2 * np.eye(3)
    way = lab - samples.mean(0)
    far: np.ndarray = ((way @ np.linalg.inv(spread)) * way).sum(-1) + np.linalg.slogdet(spread)[1]
    return far
