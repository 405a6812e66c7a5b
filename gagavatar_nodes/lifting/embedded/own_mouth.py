"""What a portrait shows between its lips: teeth of either jaw, and the rest."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter1d, minimum_filter1d

from ...easing import smoothstep
from ...face.topology import INNER_LIPS
from ...tracking.foreground import estimate_foreground
from ...types import Portrait
from .binding import Binding, Handle
from .layer import Layer, discs
from .lip_edges import FEW, lab_of, tooth_likeness
from .lips import UPPER_CURVE, between_lips, curve, share_between
from .pixels import polygon
from .stage import Stage

_APART = 0.6  # likeness to teeth under which rows of teeth part
_GAP = 0.35  # of what is between the upper lip and the lower teeth's end
_LEAST_TEETH, _SURE_TEETH = 0.12, 0.65  # shares of what is between the lips
_BEHIND_CM, _LOWER_BEHIND_CM = 0.4, 0.7  # where its own inside lies, and lower teeth, which pass behind the upper ones
_WHITEST = 0.7  # of what is like teeth by their lightness: the rest is surely enamel
_CROWN_CM, _CROWN_END_CM = 1.05, 0.15  # heights of upper teeth, and of the softness with which they end at the gum
_CROWN_BEHIND_CM = 0.02  # by which they lie behind what is seen of them
_LIP_SHADE_CM, _LIP_SHADE = 0.25, 0.45  # under the upper lip, and of the opening at most
_CUT_CM = (0.15, 0.35)  # from the upper lip to teeth that it cuts, and to such that end under it
_LEAST = 0.05  # opacity worth a splat
_REDDER = (11, 16)  # CIELAB a over the enamel's of what is no tooth: a tongue, gums


@dataclass(frozen=True)
class OwnMouth:
    """The source's pixels between its lips, by what they belong to."""

    teeth: Layer | None
    """Of the upper jaw, or of the lower one where only those are seen."""
    hidden: Layer | None
    """Of the upper jaw, what the lip hides or shades of them."""
    rest: Layer
    """Gaps and tongue, which stretch between the lips and give way as they open farther."""
    edge: float | None
    """Canonical height at which the upper teeth end in the middle, None where they are not seen."""
    enamel: np.ndarray
    """[3] color of the teeth."""
    sure: float
    """0..1 how well they are seen: a few pixels, blurred with lips, tell neither their color nor where they end."""


def own_mouth(portrait: Portrait, stage: Stage) -> OwnMouth | None:
    """Return what is between the lips of a portrait, or None where they are closed."""
    mask = polygon(portrait.landmarks[list(INNER_LIPS), :2], portrait.size)
    y, x = np.nonzero(mask > 0.2)
    if (mask > 0.5).sum() < FEW:
        return None
    tooth, dark = tooth_likeness(portrait)
    tooth = tooth * _no_redder(portrait, (tooth > 0.5) & (mask > 0.5))
    tooth_map = cv2.GaussianBlur(tooth.astype(np.float32), (0, 0), 0.6) * (mask > 0.2)
    # Neither may carry the other's color, which would show when they part.
    of_teeth, beside = (_colors_of(part, portrait.crop, x, y) for part in (tooth_map, 1 - tooth_map))
    tooth = tooth_map[y, x]
    inside = mask[y, x] > 0.5
    pixels = np.stack([x, y], 1).astype(float)
    points = _place(pixels, portrait, stage, _BEHIND_CM)
    share = share_between(portrait.canonical, points)
    sigma = 0.6 / stage.scale

    teeth, hidden, edge, enamel = None, None, None, np.ones(3)
    shown = float(tooth[inside].mean())
    sure = float(smoothstep(np.array((shown - _LEAST_TEETH) / (_SURE_TEETH - _LEAST_TEETH))))
    if sure:
        seen = tooth > 0.5
        of_lower = _of_lower_jaw(tooth_map, dark, portrait)
        lower = of_lower[y, x]
        jaw = np.where(lower, Handle.LOWER_TEETH, Handle.UPPER_TEETH)
        binding = Binding.to([Handle.UPPER_TEETH], np.ones((len(x), 1)))
        binding.controls[:, 0] = jaw
        placed = np.where(lower[:, None], _place(pixels, portrait, stage, _LOWER_BEHIND_CM), points)
        shaded, crowns, colors, opaque = _lip_shade(tooth_map * ~of_lower, of_teeth, x, y, stage.scale)
        skull = Binding.to([Handle.UPPER_TEETH], np.ones((len(crowns), 1)))
        under_lip = _place(crowns, portrait, stage, _BEHIND_CM + _CROWN_BEHIND_CM)
        hidden = _layer(under_lip, skull, colors, opaque, sigma)
        lit = tooth * (1 - shaded)
        teeth = _layer(placed, binding, of_teeth, lit, sigma)
        enamel = np.percentile(of_teeth[seen], 75, axis=0)
        middle = seen & (np.abs(points[:, 0] - portrait.canonical[[78, 308], 0].mean()) < 1.2)
        middle &= ~lower
        if middle.any():
            edge = float(np.percentile(points[middle, 1], 3))
        # The shade goes with the lip.
        share_of_shade = ((tooth - lit) / np.maximum(1 - lit, 1e-3))[:, None]
        beside, tooth = beside + share_of_shade * (portrait.crop[y, x] / 255.0 - beside), lit
    else:
        tooth, beside = np.zeros_like(tooth), portrait.crop[y, x] / 255.0
    _, stretching = between_lips(portrait.canonical, points[:, 0], share)
    rest = _layer(points, stretching, beside, 1 - tooth, sigma)
    return OwnMouth(teeth, hidden, rest, edge, enamel, sure)


def _no_redder(portrait: Portrait, seen: np.ndarray) -> np.ndarray:
    """[S, S] 0..1, less where the crop is redder than the lightest of what is `seen` [S, S] bool of teeth."""
    if not seen.any():
        return np.ones(seen.shape, np.float32)
    lab = lab_of(portrait.crop / 255.0)
    lightest = lab[..., 0] >= np.quantile(lab[seen, 0], _WHITEST)
    low, high = _REDDER
    return 1 - smoothstep((lab[..., 1] - np.median(lab[seen & lightest, 1]) - low) / (high - low))


def _colors_of(part: np.ndarray, crop: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[N, 3] 0..1 colors at pixels of the crop of a part [S, S] of it alone, as a square around them tells."""
    edge = min(2 * max(int(np.ptp(x)), int(np.ptp(y))), len(crop))
    left, top = (int(np.clip((at.min() + at.max() - edge) // 2, 0, len(crop) - edge)) for at in (x, y))
    square = slice(top, top + edge), slice(left, left + edge)
    core = cv2.erode(part.astype(np.float32), np.ones((3, 3)))
    colors: np.ndarray = estimate_foreground(crop[square], core[square])[y - top, x - left] / 255.0
    return colors


def _lip_shade(
    tooth: np.ndarray, colors: np.ndarray, x: np.ndarray, y: np.ndarray, scale: float
) -> tuple[np.ndarray, ...]:
    """Return where the upper lip throws its shade on teeth that it cuts, and these teeth as they are without it.

    Share of shade [N] at the pixels `x`, `y` [N]; then pixels [M, 2] from under that shade up to the gum, their colors
    [M, 3] and opacities [M]. Of likeness to upper teeth [S, S], colors of teeth [N, 3] and pixels per centimeter.
    """
    columns = np.unique(x)
    cut, ends = np.zeros(len(columns)), np.zeros((len(columns), 2))
    shade, color = np.zeros(len(x)), np.zeros((len(columns), 3))
    for k, column in enumerate(columns):
        rows = np.flatnonzero(x == column)
        rows = rows[np.argsort(y[rows])]
        seen = np.flatnonzero(tooth[y[rows], column] > _APART)
        if not len(seen):
            continue
        cut[k] = smoothstep((_CUT_CM[1] - seen[0] / scale) / (_CUT_CM[1] - _CUT_CM[0]))
        depth = min(_LIP_SHADE_CM * scale, _LIP_SHADE * len(seen))
        shade[rows] = smoothstep(1 - (np.arange(len(rows)) - seen[0]) / depth)
        lit = rows[min(seen[0] + int(np.ceil(depth)), seen[-1]) : seen[-1] + 1]
        color[k], ends[k] = np.median(colors[lit], axis=0), (y[lit[0]], y[lit[-1]] - _CROWN_CM * scale)
    # No single column stands out beside a row of teeth.
    aside = _CROWN_END_CM * scale
    whole = gaussian_filter1d(minimum_filter1d(cut, 2 * round(2 * aside) + 1, mode="constant"), aside)
    color = gaussian_filter1d(cut[:, None] * color, 1.0, axis=0)
    color /= np.maximum(gaussian_filter1d(cut, 1.0), 1e-3)[:, None]
    shaded = whole[np.searchsorted(columns, x)] * shade
    crowns = [np.zeros((0, 6))]
    for at in np.flatnonzero(whole > _LEAST):
        up = np.arange(ends[at, 0], ends[at, 1], -1.0)
        opaque = whole[at] * smoothstep((up - ends[at, 1]) / aside)
        crowns.append(np.column_stack([np.full(len(up), columns[at]), up, np.tile(color[at], (len(up), 1)), opaque]))
    pixels, color_of, opacities = np.split(np.concatenate(crowns), [2, 5], axis=1)
    return shaded, pixels, color_of, opacities[:, 0]


def _of_lower_jaw(tooth: np.ndarray, dark: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[S, S] bool: teeth under other teeth, or under a dark gap, belong to the lower jaw."""
    count, labels = cv2.connectedComponents((tooth > _APART).astype(np.uint8))
    edges = portrait.landmarks[list(UPPER_CURVE), :2]
    order = np.argsort(edges[:, 0])
    lower = np.zeros(tooth.shape, bool)
    for label in range(1, count):
        rows, columns = np.nonzero(labels == label)
        top = int(np.percentile(rows, 10))
        lip = int(np.interp(columns.mean(), edges[order, 0], edges[order, 1]))
        over = slice(lip, max(top, lip)), slice(columns.min(), columns.max() + 1)
        covered = np.maximum(tooth > _APART, dark)[over]
        if top - lip > _GAP * (rows.max() - lip) and covered.size and covered.mean() > 0.5:
            lower[labels == label] = True
    near = distance_transform_edt((labels == 0) | lower), distance_transform_edt(~lower)
    return near[1] < near[0]


def _layer(points: np.ndarray, binding: Binding, colors: np.ndarray, shown: np.ndarray, sigma: float) -> Layer:
    kept = np.flatnonzero(shown > _LEAST)
    return discs(points[kept], binding[kept], colors[kept], 0.98 * shown[kept], sigma)


def _place(pixels: np.ndarray, portrait: Portrait, stage: Stage, behind: float) -> np.ndarray:
    """Canonical points [N, 3] of pixels [N, 2] on a surface by some centimeters `behind` the lips."""
    upper = portrait.canonical[list(UPPER_CURVE)].astype(float)
    z = np.full(len(pixels), stage.from_canonical(upper[5:6])[0, 2])
    for _ in range(4):
        points = stage.to_canonical(stage.unproject(pixels, z))
        z = z + (curve(upper, points[:, 0], 2) - behind - points[:, 2]) * max(stage.rotation[2, 2], 0.5)
    return stage.to_canonical(stage.unproject(pixels, z))
