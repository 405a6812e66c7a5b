"""What a portrait shows between its lips: teeth of either jaw, parts of the lips, and the rest."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...easing import smoothstep
from ...face.topology import INNER_LIPS, OUTER_LIPS
from ...tracking.foreground import estimate_foreground
from ...types import Portrait
from .binding import Binding, Handle
from .lattice import polygon
from .layer import Layer, discs
from .lips import UPPER_CURVE, between_lips, curve, share_between
from .stage import Stage

_FEW = 40  # pixels; fewer show nothing
_LEAST_TEETH = 0.12  # of what is between the lips
_BEHIND_CM = 0.4  # where the portrait's own inside lies
_DARK, _REDDER = 0.5, 8.0  # of the cheeks' lightness; CIELAB chroma over theirs that no tooth has
_LIGHTER, _PALER = 15.0, 10.0  # CIELAB units by which teeth differ from lips, each enough
_TOOTH = (0.8, 1.6)  # sum of such differences


@dataclass(frozen=True)
class OwnMouth:
    """The source's pixels between its lips, by what they belong to."""

    teeth: Layer | None
    """Of the upper jaw, or of the lower one where only those are seen."""
    rest: Layer
    """Gaps and tongue, which give way as the mouth opens farther,"""
    lips: Layer
    """and what of the lips the landmarks count to the opening."""
    edge: float | None
    """Canonical height at which the upper teeth end in the middle, None where they are not seen."""
    enamel: np.ndarray | None
    """[3] color of the teeth."""


def own_mouth(portrait: Portrait, stage: Stage, cheeks: np.ndarray) -> OwnMouth | None:
    """Return what is between the lips of a portrait, or None where they are closed; `cheeks` [3] is their color."""
    mask = polygon(portrait.landmarks[list(INNER_LIPS), :2], portrait.size)
    y, x = np.nonzero(mask > 0.2)
    if (mask > 0.5).sum() < _FEW:
        return None
    tooth, dark = _likeness(portrait, mask, cheeks)
    low, high = (_connected((1 - tooth) * (1 - dark) * (mask > 0.2), mask, way) for way in (-1, 1))
    # Neither may carry the other's color, which would show when they part.
    of_teeth, beside = (
        estimate_foreground(portrait.crop, cv2.erode(part.astype(np.float32), np.ones((3, 3))))[y, x] / 255.0
        for part in (tooth, 1 - tooth)
    )
    tooth, low, high = tooth[y, x], low[y, x], high[y, x]
    inside = mask[y, x] > 0.5
    points = _place(np.stack([x, y], 1).astype(float), portrait, stage)
    share = share_between(portrait.canonical, points)
    sigma = 0.6 / stage.scale

    teeth = edge = enamel = None
    if tooth[inside].mean() > _LEAST_TEETH:
        seen = tooth > 0.5
        lower = np.median(share[seen]) < 0.4 and np.percentile(share[seen], 85) < 0.7
        binding = Binding.to([Handle.LOWER_TEETH if lower else Handle.UPPER_TEETH], np.ones((len(x), 1)))
        teeth = _layer(points, binding, of_teeth, tooth, sigma)
        enamel = np.percentile(of_teeth[seen], 75, axis=0)
        middle = seen & (np.abs(points[:, 0] - portrait.canonical[[78, 308], 0].mean()) < 1.2)
        if not lower and middle.any():
            edge = float(np.percentile(points[middle, 1], 3))
    else:
        tooth, beside = np.zeros_like(tooth), portrait.crop[y, x] / 255.0
    lips = (1 - tooth) * np.where(low > high, low, high)
    moved = np.where(lips > 0.5, np.where(low > high, 0.0, 1.0), share)
    _, with_lips = between_lips(portrait.canonical, points[:, 0], moved)
    rest = _layer(points, with_lips, beside, (1 - tooth) * (lips <= 0.5), sigma)
    return OwnMouth(teeth, rest, _layer(points, with_lips, beside, (1 - tooth) * (lips > 0.5), sigma), edge, enamel)


def _layer(points: np.ndarray, binding: Binding, colors: np.ndarray, shown: np.ndarray, sigma: float) -> Layer:
    kept = np.flatnonzero(shown > 0.05)
    return discs(points[kept], binding[kept], colors[kept], 0.98 * shown[kept], sigma)


def _place(pixels: np.ndarray, portrait: Portrait, stage: Stage) -> np.ndarray:
    """Canonical points [N, 3] of pixels [N, 2] on a surface close behind the lips."""
    upper = portrait.canonical[list(UPPER_CURVE)].astype(float)
    z = np.full(len(pixels), stage.from_canonical(upper[5:6])[0, 2])
    for _ in range(4):
        points = stage.to_canonical(stage.unproject(pixels, z))
        z = z + (curve(upper, points[:, 0], 2) - _BEHIND_CM - points[:, 2]) * max(stage.rotation[2, 2], 0.5)
    return stage.to_canonical(stage.unproject(pixels, z))


def _likeness(portrait: Portrait, mask: np.ndarray, cheeks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[S, S] 0..1 each: how like teeth pixels are, which are lighter and paler than lips, and how dark."""
    lab = cv2.cvtColor(portrait.crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lips = (polygon(portrait.landmarks[list(OUTER_LIPS), :2], portrait.size) > 0.5) & (mask < 0.01)
    lip = np.median(lab[lips], axis=0) if lips.any() else np.array([50.0, 20.0, 12.0])
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    paler = np.hypot(*lip[1:]) - chroma
    score = (lab[..., 0] - lip[0]) / _LIGHTER + np.clip(paler, -30, 30) / _PALER
    skin = cv2.cvtColor(cheeks.astype(np.float32)[None, None], cv2.COLOR_RGB2LAB)[0, 0]
    dark = smoothstep((_DARK * skin[0] - lab[..., 0]) / 12 + 0.5)
    low, high = _TOOTH
    tooth = smoothstep((score - low) / (high - low)) * (1 - dark)
    tooth *= smoothstep((np.hypot(*skin[1:]) + _REDDER - chroma) / 8 + 0.5)  # else what lips throw on them
    return cv2.GaussianBlur(tooth.astype(np.float32), (0, 0), 0.6) * (mask > 0.2), dark


def _connected(likeness: np.ndarray, mask: np.ndarray, way: int) -> np.ndarray:
    """[S, S] the least likeness between each pixel and the mask's lower (-1) or upper (1) edge in its column."""
    rows = likeness[::way]
    inside = mask[::way] > 0.2
    out = np.zeros_like(rows)
    least = np.ones(rows.shape[1], rows.dtype)
    for row in np.flatnonzero(inside.any(1)):
        least = np.where(inside[row], np.minimum(least, rows[row]), 1)
        out[row] = least * inside[row]
    return out[::way]
