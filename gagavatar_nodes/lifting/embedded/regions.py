"""What the pixels of a portrait are: skin by its color, hair by its place, from landmarks and matte."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...face.topology import CHIN, EYE_RINGS, INNER_LIPS, LEFT_EYE_RING, RIGHT_EYE_RING
from ...types import Portrait
from .depth import FrontDepth
from .lattice import polygon

_CHROMA_NOISE = 3.0  # CIELAB units that a skin's color may differ beside what the face shows of it
_LIGHTER, _DARKER = 8.0, 20.0  # than what the face shows
_OPAQUE = 0.9
_AROUND = 15 / 512  # of the crop's edge: as far from the face what is not skin is hair
_FEW = 200  # pixels
_FINE = 6.0  # pixels of a blur's standard deviation: with more there is nothing that fewer pixels do not hold


@dataclass(frozen=True)
class Regions:
    """A parsing of the crop."""

    skin: np.ndarray
    """[S, S] float32 0..1 how much the pixels are like the face's skin; 0 outside the matte."""
    face: np.ndarray
    """[S, S] float32 0..1 inside of the landmarks' mesh."""
    hair: np.ndarray
    """[S, S] float32 0..1 beside the face and above the lobes of the ears."""
    jaw: np.ndarray
    """[3] RGB 0..1 of the skin over the chin and the jaw."""
    behind: np.ndarray
    """[S, S, 3] float32 RGB 0..1 of the head's back: the hair around the face, spread over it and a little darker."""

    @staticmethod
    def of(portrait: Portrait, depth: FrontDepth) -> Regions:
        """Return the regions of a tracked portrait."""
        opaque = portrait.alpha > _OPAQUE
        face = depth.face >= 0
        skin = _skin(portrait, face & opaque) * opaque
        around = 2 * round(_AROUND * portrait.size / 2) + 1
        beside = opaque & (cv2.dilate(face.astype(np.uint8), np.ones((around, around))) == 0)
        eyes = portrait.landmarks[list(LEFT_EYE_RING + RIGHT_EYE_RING), 1].mean()
        lobes = (eyes + portrait.landmarks[CHIN, 1]) / 2
        rows = np.arange(portrait.size)[:, None]
        above = np.clip((lobes - rows) / max(lobes - eyes, 1), 0, 1)
        hair = beside * above
        # Some hair has the color of skin, and a bald head has none: the skull's own skin goes on behind it.
        doubt = 1 - (hair * skin).sum() / max(hair.sum(), 1e-3)
        hair = (hair * (1 - doubt * skin)).astype(np.float32)
        color = portrait.crop / np.float32(255)
        lower = face & (skin > 0.5) & (rows > portrait.landmarks[list(INNER_LIPS), 1].mean())
        jaw = np.median(color[lower if lower.any() else face], axis=0)
        head = (opaque * above).astype(np.float32)
        return Regions(skin.astype(np.float32), face.astype(np.float32), head, jaw, _behind(color, hair))


def _behind(color: np.ndarray, hair: np.ndarray) -> np.ndarray:
    spread, total = hair[..., None] * color, hair
    filled = (color * hair[..., None]).sum((0, 1)) / max(float(hair.sum()), 1e-3) * np.ones_like(color)
    for share in (1 / 8, 1 / 24, 1 / 128):
        sigma = share * len(color)
        weight = _blur(total, sigma)[..., None]
        known = np.clip(weight / 0.05, 0, 1)
        filled += known * (_blur(spread, sigma) / np.maximum(weight, 1e-3) - filled)
    keep = np.clip(hair, 0, 1)[..., None]
    return (0.85 * (keep * color + (1 - keep) * filled)).astype(np.float32)


def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """[S, S, ...] an image blurred by a Gaussian, of `sigma` pixels; a wide one is as smooth on fewer pixels."""
    size = image.shape[1::-1]
    shrink = max(1.0, sigma / _FINE)
    small = cv2.resize(image, tuple(round(edge / shrink) for edge in size), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / shrink), size, interpolation=cv2.INTER_CUBIC)


def _skin(portrait: Portrait, face: np.ndarray) -> np.ndarray:
    """[S, S] likeness to the colors inside the face, its eyes and mouth left out."""
    features = np.zeros_like(face)
    for ring in (*EYE_RINGS, INNER_LIPS):
        features |= polygon(portrait.landmarks[list(ring), :2], portrait.size) > 0
    lab = cv2.cvtColor(portrait.crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), portrait.size / 512)
    shown = lab[face & ~features]
    if len(shown) < _FEW:
        return np.ones(face.shape)
    middle = np.median(shown[:, 1:], axis=0)
    near = shown[np.linalg.norm(shown[:, 1:] - middle, axis=1) < 25]
    spread = np.linalg.inv(np.cov(near[:, 1:].T) + _CHROMA_NOISE**2 * np.eye(2))
    chroma = lab[..., 1:] - middle
    far = np.einsum("...i,ij,...j", chroma, spread, chroma)
    low, high = np.percentile(shown[:, 0], [5, 99])
    light = lab[..., 0]
    off = np.maximum((low - light) / _DARKER, (light - high) / _LIGHTER).clip(0)
    return np.exp(-np.maximum(far - 3, 0) / 4 - 2 * off**2)
