"""Where a turned portrait's nose ends before the cheek behind it, by its colors: the landmark model may see it longer.

What of the cheek lay on the nose would hang from it as a pale rim or a spike as soon as the head turns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ...easing import smoothstep
from ...heads.canonical import canonical_face
from ...types import Portrait
from .completion import BLACK
from .depth import cliffs, landmark_mesh
from .pixels import bilinear

_TIP, _BRIDGE, _LIP = 1, 6, 164  # landmarks: the tip, the bridge between the eyes, the middle over the upper lip
_ROOT_CM = 6.0  # from the tip back to where nothing goes along
_WIDE_CM = (1.6, 2.4)  # to both sides
_OWN = 0.3  # least share of the tip's way of what counts as the nose's contour
_ASLANT = (0.4, 0.5)  # sine of the angle from which on, and at which surely, the nose is seen before the cheek
_CLIFF_CM = 0.4  # between the depths of pixels at a contour
_FEW = 30  # pixels of it
_BLUR_CM, _BESIDE_CM = 0.05, 0.12  # of the crop, and to both sides of an edge
_MOST_CM, _STEPS = 0.55, 23  # way of the tip toward the face
_STRONG = 0.4  # difference of logarithms of colors from which on an edge counts no more
_CLEARER = (1.7, 2.4)  # times the contrast where the model has the contour: from which on, and at which surely, it errs


@dataclass(frozen=True)
class _Contour:
    """K points between pixels of the nose and what is seen behind them."""

    points: np.ndarray
    """[K, 2] pixels."""
    outward: np.ndarray
    """[K, 2] unit."""
    shares: np.ndarray
    """[K] of the tip's way."""


def refine_nose(portrait: Portrait) -> Portrait:
    """Return the portrait with the landmarks of its nose moved to the edge seen; as it is where none is far clearer."""
    aslant = portrait.pose.rotation[:2, 2] * [1, -1]
    sine = float(np.linalg.norm(aslant))
    if sine < _ASLANT[0]:
        return portrait
    shares = _shares()
    contour = _contour(portrait, shares)
    if len(contour.points) < _FEW:
        return portrait
    scale = float(portrait.pose.scale)
    way = -aslant / sine * scale
    sure = float(np.clip((sine - _ASLANT[0]) / (_ASLANT[1] - _ASLANT[0]), 0, 1))
    shift = np.outer(shares, sure * _shift(portrait, contour, way) * way)
    landmarks, canonical = portrait.landmarks.copy(), portrait.canonical.copy()
    landmarks[:468, :2] += shift.astype(landmarks.dtype)
    staged = np.pad(shift, ((0, 0), (0, 1))) * [1, -1, 0] / scale
    canonical[:468] += (staged @ portrait.pose.rotation).astype(canonical.dtype)
    return replace(portrait, landmarks=landmarks, canonical=canonical)


def _shares() -> np.ndarray:
    """[468] 0..1 how far landmarks go with the tip of the nose."""
    points = canonical_face().vertices
    tip, top = points[_TIP], points[_BRIDGE, 1]
    low, high = _WIDE_CM
    back, aside = (tip[2] - points[:, 2]) / _ROOT_CM, (np.abs(points[:, 0]) - low) / (high - low)
    up = (points[:, 1] - tip[1]) / (top - tip[1])
    shares = np.prod([1 - np.clip(way, 0, 1) for way in (back, aside, up)], axis=0)
    return np.where(points[:, 1] > points[_LIP, 1], shares, 0)


def _contour(portrait: Portrait, shares: np.ndarray) -> _Contour:
    """Where the landmarks' mesh has the nose, whose landmarks have `shares` [468], before another part of the face."""
    face, z = landmark_mesh(portrait)
    z = np.where(face >= 0, z, np.inf)
    near, far = cliffs(z, _CLIFF_CM)
    own = shares[canonical_face().triangles[face[tuple(near.T)]]].mean(1)
    near, far, own = near[own > _OWN], far[own > _OWN], own[own > _OWN]
    smooth = cv2.GaussianBlur(np.where(np.isfinite(z), z, 0).astype(np.float32), (0, 0), 2)
    rise = np.stack([slope[tuple(near.T)] for slope in np.gradient(smooth)[::-1]], 1)
    outward = -rise / np.maximum(np.linalg.norm(rise, axis=1, keepdims=True), 1e-6)
    return _Contour((near + far)[:, ::-1] / 2, outward, own)


def _shift(portrait: Portrait, contour: _Contour, way: np.ndarray) -> float:
    """Centimeters from the tip to where it is, along `way` [2], pixels a centimeter; 0 where that is not sure."""
    scale = float(portrait.pose.scale)
    colors = cv2.GaussianBlur(np.log(portrait.crop / np.float32(255) + np.float32(BLACK)), (0, 0), _BLUR_CM * scale)
    ways = np.linspace(0, _MOST_CM, _STEPS)
    places = contour.points + ways[:, None, None] * contour.shares[:, None] * way  # [_STEPS, K, 2]
    aside = contour.outward * _BESIDE_CM * scale
    outer, inner = (bilinear(colors, places + side * aside) for side in (1, -1))
    contrast = np.minimum(np.abs(outer - inner).mean(-1), _STRONG).mean(1)
    best = int(contrast.argmax())
    if best == _STEPS - 1:  # it still grows: an edge of something else
        return 0.0
    low, high = _CLEARER
    return float(ways[best] * smoothstep((contrast[best] / max(contrast[0], 1e-6) - low) / (high - low)))
