"""Where a portrait's lips end, by its colors: the landmark model takes parts of open lips for teeth."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from ...easing import smoothstep
from ...face.topology import INNER_LIPS, OUTER_LIPS
from ...types import Portrait
from .lips import LOWER_CURVE, LOWER_MIDDLE, UPPER_CURVE, UPPER_MIDDLE
from .pixels import polygon

FEW = 40
"""Pixels between the lips; fewer show nothing."""
_CHEEKS = (50, 280, 205, 425)
_LOWER, _UPPER = LOWER_CURVE[1:-1], UPPER_CURVE[1:-1]
_LIPS = (
    (_LOWER, LOWER_MIDDLE, _UPPER, 0.6),
    (_UPPER, UPPER_MIDDLE, _LOWER, 0.0),
)
"""Inner edges but the corners, the landmarks in the lip beside them, the other lip, and how much of the way there an
edge may go: the model often sees a lower lip too low, and never an upper one too high."""
_OUTWARD = 0.45  # of the way to the lip's middle
_STEPS = 25
_STRICT = 0.2  # more likeness than a half is asked outward: pixels of an edge must not stay with the lip
_SURE = (0.04, 0.1)  # mean likeness to lips, over a half, on that way
_EXPOSED = 0.42  # luminance to which dark cheeks are brought: the numbers below hold there
_DARK, _REDDER = 0.5, 8.0  # of the cheeks' lightness; CIELAB chroma over theirs that no tooth has
_LIGHTER, _PALER = 15.0, 10.0  # CIELAB units by which teeth differ from lips, each enough
_TOOTH = (0.8, 1.6)  # sum of such differences


def refine_lips(portrait: Portrait) -> Portrait:
    """Return the portrait with the landmarks of its inner lips where these end; as it is where they are closed."""
    if (polygon(portrait.landmarks[list(INNER_LIPS), :2], portrait.size) > 0.5).sum() < FEW:
        return portrait
    tooth, dark = tooth_likeness(portrait)
    lip = cv2.GaussianBlur(((1 - tooth) * (1 - dark)).astype(np.float32), (0, 0), 0.7)
    landmarks, canonical = portrait.landmarks.copy(), portrait.canonical.copy()
    for curve, middles, other, inward in _LIPS:
        rows = list(curve)
        edge, middle, opposite = (portrait.landmarks[list(r), :2].astype(float) for r in (rows, middles, other))
        shift = np.pad(_shift(lip, edge, _OUTWARD * (middle - edge), inward * (opposite - edge)), ((0, 0), (0, 1)))
        landmarks[rows] += shift.astype(landmarks.dtype)
        canonical[rows] += (shift * [1, -1, 0] / portrait.pose.scale @ portrait.pose.rotation).astype(canonical.dtype)
    return replace(portrait, landmarks=landmarks, canonical=canonical)


def _shift(lip: np.ndarray, edge: np.ndarray, outward: np.ndarray, inward: np.ndarray) -> np.ndarray:
    """[K, 2] pixels from `edge` [K, 2] to where `lip` [S, S] 0..1 ends, between `outward` and `inward` of it."""
    way = np.linspace(-1, 1, 2 * _STEPS + 1)[:, None, None]
    way = np.where(way < 0, -way * outward, way * inward)
    x, y = np.moveaxis((edge + way).astype(np.float32), -1, 0)
    likeness = cv2.remap(lip, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) - 0.5
    likeness[:_STEPS] -= _STRICT
    likeness[:_STEPS, likeness[0] < 0] = 0  # a highlight, of which no lip's end is known
    gain = np.cumsum(likeness, 0)  # of a split behind each step: lip before it, none after
    sure = smoothstep(((gain.max(0) - gain[_STEPS]) / _STEPS - _SURE[0]) / (_SURE[1] - _SURE[0]))
    shift = way[gain.argmax(0), np.arange(len(edge))] * sure[:, None]
    return gaussian_filter1d(shift, 1.0, axis=0, mode="constant")  # the corners stay


def cheek_color(portrait: Portrait) -> np.ndarray:
    """Mean color [3] of the cheeks, 0..1."""
    x, y = np.round(portrait.landmarks[list(_CHEEKS), :2]).astype(int).T
    limit = portrait.size - 4
    patches = [
        portrait.crop[v - 3 : v + 4, u - 3 : u + 4] for u, v in zip(x.clip(3, limit), y.clip(3, limit), strict=True)
    ]
    return np.mean([p.mean((0, 1)) for p in patches], axis=0) / 255


def tooth_likeness(portrait: Portrait) -> tuple[np.ndarray, np.ndarray]:
    """[S, S] 0..1 each: how like teeth pixels are, which are lighter and paler than lips, and how dark."""
    cheeks = cheek_color(portrait)
    exposure = np.clip(_EXPOSED / max(float(cheeks.mean()), 1e-3), 1, 4)
    lab = lab_of(portrait.crop / 255.0 * exposure)
    inner, outer = (polygon(portrait.landmarks[list(ring), :2], portrait.size) for ring in (INNER_LIPS, OUTER_LIPS))
    lips = (outer > 0.5) & (inner < 0.01)
    lip = np.median(lab[lips], axis=0) if lips.any() else np.array([50.0, 20.0, 12.0])
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    paler = np.hypot(*lip[1:]) - chroma
    score = (lab[..., 0] - lip[0]) / _LIGHTER + np.clip(paler, -30, 30) / _PALER
    skin = lab_of(cheeks[None, None] * exposure)[0, 0]
    dark = smoothstep((_DARK * skin[0] - lab[..., 0]) / 12 + 0.5)
    low, high = _TOOTH
    tooth = smoothstep((score - low) / (high - low)) * (1 - dark)
    tooth *= smoothstep((np.hypot(*skin[1:]) + _REDDER - chroma) / 8 + 0.5)  # else what lips throw on them
    return tooth, dark


def lab_of(color: np.ndarray) -> np.ndarray:
    """CIELAB [H, W, 3] of RGB 0..1, which may be beyond."""
    return cv2.cvtColor(np.clip(color, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)
