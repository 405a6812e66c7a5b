"""The neck: a tube from the shoulders into the skull, so that a turned head leaves no gap behind its jaw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import interp1d
from scipy.ndimage import gaussian_filter1d

from ...easing import smoothstep
from ...face.topology import CHIN
from ...types import Portrait
from .binding import Binding, head_weight, neck_follow
from .carving import carve
from .depth import FrontDepth
from .head_fit import skin_triangles
from .layer import Layer
from .pixels import whole_pixels
from .regions import Regions
from .stage import Stage
from .throat import like_shade

_AROUND, _ROWS = 64, 40  # nodes
_REACH_CM = (-6.0, 9.0)  # of the tube, from the chin's height
_RING_CM = 1.5  # over the chin a neck is narrowest
_FLARE, _TAPER = 1.2, 0.015  # widest ring over the narrowest; how much narrower a centimeter into the skull
_SLIM_CM = 4.0  # of height, over which the head's nape is drawn in
_THICKNESS_CM = 0.03
_FACING, _NEAR_CM = 0.3, 1.5  # the portrait shows what faces it by that cosine, and is no deeper under the front
_REACH_SIDE_CM, _OPACITY = 0.4, 0.98  # of its splats
_HANGING_CM = (-0.3, 0.9)  # under the chin
_COLUMN_CM = np.array([5.0, 1.5])  # under the chin
_SPREAD, _ENOUGH = 4, 6  # nodes
_THROAT_CM = (-0.5, 2.5)  # under the chin a throat's width is seen
_SLENDER, _LIKELY = 0.7, 0.85  # least width of a neck, and where too little of it is seen
_HIGHEST_CM, _ACROSS_CM = 3.0, 8.0  # of a collar over the chin, and from one side's height to the other's
_SHADE_CM = 2.5  # over the chin the neck is in the jaw's shade


@dataclass(frozen=True)
class Neck:
    """The neck under a portrait's head, canonical centimeters."""

    ring: tuple[float, float, float, float]
    """Of the narrowest place: middle x and z, half width and half depth."""
    tube: np.ndarray
    """[rows * around, 3] rings from the top down, each from the nape over the left side around."""
    rims: np.ndarray
    """[2] heights of what is worn around it, at the left and the right; far below it if it is bare."""

    @staticmethod
    def of(portrait: Portrait, stage: Stage, head: np.ndarray, regions: Regions) -> Neck:
        """Return the neck of the bare fitted head `head` [V, 3], as wide as the portrait shows it."""
        skin = head[np.unique(skin_triangles())]
        width = _width(skin, portrait, stage, regions)
        tube = _tube(skin, portrait, width)
        ring = _ring(skin, portrait.canonical[CHIN, 1] + _RING_CM, width)
        return Neck(ring, tube, _rims(tube, portrait, stage, regions))

    def collar_height(self, points: np.ndarray) -> np.ndarray:
        """[N] height of what is worn around the neck beside points [N, 3]: up to there is no skin."""
        left, right = self.rims
        return left + smoothstep(0.5 + points[:, 0] / _ACROSS_CM) * (right - left)

    def slim_nape(self, points: np.ndarray, portrait: Portrait) -> np.ndarray:
        """Return points [N, 3] of the head, the nape of its neck drawn in to the tube."""
        x, z, wide, deep = self.ring
        from_middle = points[:, [0, 2]] - [x, z]
        reach = np.linalg.norm(from_middle / [wide, deep], axis=1)
        under = smoothstep((portrait.canonical[CHIN, 1] + _RING_CM - points[:, 1]) / _SLIM_CM + 0.5)
        much = under * smoothstep(1 - 2 * from_middle[:, 1] / deep)
        from_middle *= (1 + much * (np.minimum(1, 1 / np.maximum(reach, 1e-6)) - 1))[:, None]
        return np.column_stack([x + from_middle[:, 0], points[:, 1], z + from_middle[:, 1]])

    def hangs(self, points: np.ndarray, tube: Layer, portrait: Portrait, stage: Stage) -> np.ndarray:
        """[N] 0..1 how far points [N, 3] of the head hang under the chin where its `tube`, a `neck_layer`, ends.

        They would stand beside the shown neck as a spur. Of a head that does not face the camera, one side of the neck
        is hidden, and need not end.
        """
        x, z, wide, deep = self.ring
        angle = np.arctan2((x - points[:, 0]) / wide, (z - points[:, 2]) / deep)
        there = tube.opacities.reshape(_ROWS, _AROUND).max(0) / _OPACITY
        around = np.interp(angle, 2 * np.pi * np.arange(_AROUND) / _AROUND, there, period=2 * np.pi)
        low, high = _HANGING_CM
        under = (portrait.canonical[CHIN, 1] - points[:, 1] - low) / (high - low)
        hanging: np.ndarray = _frontal(stage) * (1 - around) * np.clip(under, 0, 1)
        return hanging


def neck_layer(portrait: Portrait, stage: Stage, depth: FrontDepth, neck: Neck, regions: Regions) -> Layer:
    """Return the tube of the neck."""
    points = neck.tube
    level = np.minimum(points, [np.inf, portrait.canonical[CHIN, 1], np.inf])  # the tube's top does not bend
    carved, shown = carve(points, portrait, stage, depth, _REACH_SIDE_CM)
    shown *= _whole_columns(points, shown, portrait)
    return Layer(
        points=carved.astype(np.float32),
        binding=Binding.free(len(points)),
        head=head_weight(points, portrait, stage) * neck_follow(level, portrait, neck.collar_height(points)),
        colors=_colors(points, portrait, stage, depth, regions).astype(np.float32),
        opacities=(_OPACITY * shown).astype(np.float32),
        covariances=np.tile(np.float32(_THICKNESS_CM**2) * np.array([1, 0, 0, 1, 0, 1], np.float32), (len(points), 1)),
        neighbors=_neighbors(),
    )


def _width(skin: np.ndarray, portrait: Portrait, stage: Stage, regions: Regions) -> float:
    """Return the width of the neck that a portrait shows over that of the fitted head's `skin` [V, 3], at most 1.

    The less the head faces the camera, the less does the throat's width tell.
    """
    _, _, half, _ = _ring(skin, portrait.canonical[CHIN, 1] + _RING_CM, 1.0)
    row = portrait.landmarks[CHIN, 1] + stage.scale * np.array(_THROAT_CM)
    low, high = np.clip(np.round(row), 0, portrait.size).astype(int)
    wide = (regions.throat[low:high] > 0.5).sum(1)
    if not len(wide) or wide.max() < _ENOUGH:
        return _LIKELY
    shown = float(np.percentile(wide, 90)) / (2 * half * stage.scale)
    return _LIKELY + _frontal(stage) * (float(np.clip(shown, _SLENDER, 1)) - _LIKELY)


def _frontal(stage: Stage) -> float:
    """Return 0..1 how far the head faces the camera, so that both sides of its neck are seen."""
    return float(smoothstep((stage.rotation[2, 2] - 0.8) / 0.15))


def _rims(tube: np.ndarray, portrait: Portrait, stage: Stage, regions: Regions) -> np.ndarray:
    """[2] see `Neck.rims`: seen from the front what is worn stands at both sides of the neck, from its lower end up."""
    sides = tube.reshape(_ROWS, _AROUND, 3)[:, [_AROUND // 4, -_AROUND // 4]]
    sides = sides[sides[:, 0, 1] < portrait.canonical[CHIN, 1] + _HIGHEST_CM][::-1]
    column, row = whole_pixels(stage.project(stage.from_canonical(sides.reshape(-1, 3)))[:, :2], portrait.size)
    color = portrait.crop[row, column] / np.float32(255)
    worn = (portrait.alpha[row, column] > 0.5) & (like_shade(color, regions.jaw) < 0.3)
    worn &= np.maximum(regions.skin, regions.face)[row, column] < 0.3
    more = np.cumsum(worn.reshape(-1, 2) - 0.5, axis=0)
    return np.where(more.max(0) > 0, sides[more.argmax(0), [0, 1], 1], sides[0, :, 1] - _HIGHEST_CM - _REACH_CM[1])


def _whole_columns(points: np.ndarray, shown: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[N] 0..1: a side of the tube that the portrait does not have under the chin would hang from the jaw in rags."""
    low, high = portrait.canonical[CHIN, 1] - _COLUMN_CM
    under = ((points[:, 1] > low) & (points[:, 1] < high)).reshape(_ROWS, _AROUND)
    there = gaussian_filter1d((shown.reshape(_ROWS, _AROUND) * under).sum(0) / under.sum(0), 1, mode="wrap")
    return np.tile(np.clip(3 * there - 2, 0, 1), _ROWS)


def _tube(skin: np.ndarray, portrait: Portrait, width: float) -> np.ndarray:
    """[_ROWS * _AROUND, 3] see `Neck.tube`."""
    chin = portrait.canonical[CHIN, 1]
    narrow = _ring(skin, chin + _RING_CM, width)
    angle = 2 * np.pi * np.arange(_AROUND) / _AROUND
    rings = []
    for y in chin + np.linspace(_REACH_CM[1], _REACH_CM[0], _ROWS):
        x, z, wide, deep = narrow if y > chin + _RING_CM else _ring(skin, y, width)
        taper = 1 - _TAPER * max(y - chin - _RING_CM, 0)
        wide, deep = min(wide, _FLARE * narrow[2]) * taper, min(deep, _FLARE * narrow[3]) * taper
        z = max(z, narrow[1] + deep - narrow[3])  # a nape that ran out to the shoulders would end over them in a spur
        rings.append(np.stack([x - wide * np.sin(angle), np.full(_AROUND, y), z - deep * np.cos(angle)], 1))
    return np.concatenate(rings)


def _ring(skin: np.ndarray, y: float, width: float) -> tuple[float, float, float, float]:
    """Middle x and z, half width and half depth of the neck at a height; `width` is over the fitted head's."""
    near = skin[np.abs(skin[:, 1] - max(y, skin[:, 1].min() + 1)) < 1]  # the bundled head ends in the neck
    behind = near[near[:, 2] < -3]
    half = float(np.ptp(behind[:, 0]) / 2)
    back = float(behind[:, 2].min())
    deep = min((-2.0 - back) / 2, 1.1 * half)
    before = back + 2 * deep  # there the throat stays
    return float((behind[:, 0].max() + behind[:, 0].min()) / 2), before - width * deep, width * half, width * deep


def _colors(points: np.ndarray, portrait: Portrait, stage: Stage, depth: FrontDepth, regions: Regions) -> np.ndarray:
    """[N, 3] what the portrait shows of the neck, row by row around it; over that the skin of the jaw in its shade."""
    staged = stage.from_canonical(points)
    column, row = whole_pixels(stage.project(staged)[:, :2], portrait.size)
    rings = staged.reshape(_ROWS, _AROUND, 3)
    outward = rings - rings.mean(1, keepdims=True)
    facing = (outward[..., 2] > _FACING * np.linalg.norm(outward, axis=2)).ravel()
    open_ = (regions.face[row, column] < 0.5) & (depth.z[row, column] - staged[:, 2] < _NEAR_CM)
    known = (facing & open_ & (portrait.alpha[row, column] > 0.95)).astype(np.float32).reshape(_ROWS, _AROUND)
    seen = portrait.crop[row, column].reshape(_ROWS, _AROUND, 3) / np.float32(255)
    weight = gaussian_filter1d(known, _SPREAD, axis=1, mode="wrap") + 1e-3 * known.mean(1, keepdims=True)
    spread = gaussian_filter1d(known[..., None] * seen, _SPREAD, axis=1, mode="wrap")
    spread += 1e-3 * (known[..., None] * seen).mean(1, keepdims=True)
    around = np.where(known[..., None] > 0, seen, spread / np.maximum(weight, 1e-6)[..., None])

    shown = known.sum(1) > _ENOUGH
    top = points.reshape(_ROWS, _AROUND, 3)[:, 0, 1] > portrait.canonical[CHIN, 1] + _SHADE_CM
    around[top & ~shown] = regions.under
    rows = np.flatnonzero(shown | top)
    filled = interp1d(rows, around[rows], axis=0, bounds_error=False, fill_value=(around[rows[0]], around[rows[-1]]))
    return filled(np.arange(_ROWS)).reshape(-1, 3)


def _neighbors() -> np.ndarray:
    """[N, 4] of a lattice that closes around the neck."""
    own = np.arange(_ROWS * _AROUND, dtype=np.int32).reshape(_ROWS, _AROUND)
    up, down = own[[0, *range(_ROWS - 1)]], own[[*range(1, _ROWS), _ROWS - 1]]
    return np.stack([np.roll(own, 1, 1), np.roll(own, -1, 1), up, down], -1).reshape(-1, 4)
