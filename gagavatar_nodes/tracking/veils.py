"""Transparent veils beside a head: colors between the ground's and one other, with an edge, no stronger in grain.

How much of a ground is seen through a veil is known only where the ground has grain, which is weaker behind a veil.
Elsewhere a veil has the least opacity that explains its colors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..face.topology import CHIN
from .around import mean_around
from .opencv import opencv
from .outline import head_outline

_EDGE = 256
"""Edge at which veils are looked for; the lengths below are pixels of it."""
_BLUR, _GRAIN, _GRAIN_NEAR = 2.0, 1.5, 2.0
"""Deviations: of colors, of what is finer than grain, and of where grain is measured."""
_LEVEL = 1.5 / 255
"""Grain that is not seen."""
_FOLDS = 8 / 255
"""Grain that a veil may have of itself."""
_VISIBLE, _RATHER = 8.0 / 255, 1.5
"""Grain of a ground from which it tells how opaque a veil is, and most times by which it may be more opaque so."""
_FRAME = 10
"""Width beside the picture's edges of what is ground for sure, if no person is there."""
_NEAR, _FAR, _ENOUGH = 1 / 12, 1 / 3, 0.02
"""Of the edge: reaches over which the ground is spread, and share of what is near from which the first is taken."""
_NOISE = np.array([3, 3, 3, 0.75], np.float32)
"""By which grounds vary at least: CIELAB units, and the logarithm of the grain's variance."""
_ALIKE = 2.2
"""Deviations up to which something is ground."""
_ROUNDS = 6
_THIN, _DENSE = 0.08, 0.7
"""Opacities between which something is taken for a veil."""
_SAME = 0.15
"""By which the color that explains a veil may differ from black or white."""
_NEUTRAL, _TINT = 0.14, 0.05
"""The same where no other part tells of a veil, and how much of the ground's tint one that is known by it has."""
_LEAST, _PART = 0.02, 0.0015
"""Of the crop's area: of all veils, and of a part from which others are told."""
_ABOVE, _CUT = 0.1, 0.02
"""Shares of veils that are above the chin at least, and at the picture's edge there at most."""
_SHARP = 0.09
"""Change a pixel of a veil's opacity at its edge, over that inside; shadows and glows are softer."""
_SIDE = 0.15
"""Share of a dark veil on either side of the face: a shadow falls to one."""
_AROUND = 3
"""Pixels by which a veil goes on beyond where it is found."""
_RIM = 16 / 512
"""Of the crop's edge: up to this width what is left of a mask beside a veil is its rim."""
_FOLDED = 1 / 16
"""Of the edge, over which the color of a veil is one."""
_FOLD = 3.0
"""Over which opacities are looked at."""


@dataclass(frozen=True)
class Veils:
    """Transparent veils in a crop."""

    alpha: np.ndarray
    """[S, S] float32 0..1, going on under the person; 0 where there is no veil."""
    where: np.ndarray
    """[S, S] bool where a veil is all that is seen."""

    def without(self, mask: np.ndarray) -> np.ndarray:
        """Return the mask [S, S] float32 without them, nor the rims and ends that are left of them."""
        cv2 = opencv()
        left = (mask > 0.5) & ~self.where
        width = 2 * round(_RIM * len(mask) / 2) + 1
        solid = cv2.morphologyEx(left.astype(np.uint8), cv2.MORPH_OPEN, np.ones((width, width), np.uint8)) > 0
        near = cv2.dilate(self.where.astype(np.uint8), np.ones((2 * width - 1,) * 2, np.uint8)) > 0
        left &= solid | ~near
        _, pieces = cv2.connectedComponents(left.astype(np.uint8), connectivity=4)
        sizes = np.bincount(pieces[left], minlength=pieces.max() + 1)
        return np.where(pieces == sizes.argmax(), mask, 0).astype(np.float32)


def find_veils(
    crop: np.ndarray, mask: np.ndarray, landmarks: np.ndarray, inside: np.ndarray | None = None
) -> Veils | None:
    """Find transparent veils beside a person, also where they were taken for the person; None if there are none.

    Args:
        crop: [S, S, 3] uint8 RGB.
        mask: [S, S] float32, over 0.5 where the person was found.
        landmarks: [478, 3] pixels.
        inside: [S, S] bool, what of the crop is in the picture.
    """
    cv2 = opencv()
    if inside is None:
        inside = np.ones(mask.shape, bool)
    small = cv2.resize(crop, (_EDGE, _EDGE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    person = cv2.resize(mask, (_EDGE, _EDGE), interpolation=cv2.INTER_AREA) > 0.5
    inside = cv2.resize(inside.astype(np.uint8), (_EDGE, _EDGE), interpolation=cv2.INTER_NEAREST) > 0
    marks = landmarks * (_EDGE / len(crop))
    seen = _Seen.of(small, person, marks, inside)
    if seen is None:
        return None
    veil = _veils(seen, person, marks)
    if not veil.any():
        return None
    return _solve(crop, seen, veil)


@dataclass(frozen=True)
class _Seen:
    """What a crop shows beside its ground, at the edge of 256."""

    ground: np.ndarray
    """[S, S, 3] colors of the ground, also where it is not seen."""
    end: np.ndarray
    """[S, S, 3] the farthest color that explains what is seen, on the way from the ground's."""
    opacity: np.ndarray
    """[S, S] the least that explains what is seen, with that color."""
    beside: np.ndarray
    """[S, S] bool: is no ground, but may be seen through."""
    known: np.ndarray
    """[S, S] bool: the ground."""
    frame: np.ndarray
    """[S, S] bool: is at the picture's top, or at its sides above the chin."""
    grain: np.ndarray
    """[S, S] of the picture, a standard deviation of colors."""
    ground_grain: np.ndarray
    """[S, S] of the ground."""
    ground_noise: np.ndarray
    """[S, S] standard deviation of the ground's colors."""

    @staticmethod
    def of(small: np.ndarray, person: np.ndarray, marks: np.ndarray, inside: np.ndarray) -> _Seen | None:
        cv2 = opencv()
        colors = cv2.GaussianBlur(small, (0, 0), _BLUR)
        fine = np.square(small - cv2.GaussianBlur(small, (0, 0), _GRAIN)).mean(-1)
        grain = cv2.GaussianBlur(fine, (0, 0), _GRAIN_NEAR)
        features = np.dstack([cv2.cvtColor(colors, cv2.COLOR_RGB2LAB), np.log(grain + _LEVEL**2)]).astype(np.float32)
        free = cv2.dilate(person.astype(np.uint8), np.ones((7, 7))) == 0
        free &= cv2.erode(inside.astype(np.uint8), np.ones((3, 3)), borderValue=1) > 0
        frame = _frame(inside, round(float(marks[CHIN, 1])))
        known = _grown(features, frame & free, free)
        if known is None:
            return None
        ground, _ = _spread(colors, known)
        ground_noise = np.sqrt(_spread(small, known)[1].mean(-1))
        offset = colors - ground
        room = np.where(offset > 0, np.maximum(1 - ground, 0.02), np.maximum(ground, 0.02))
        opacity = (np.abs(offset) / room).max(-1)
        end = ground + offset / np.maximum(opacity, 0.02)[..., None]
        ground_grain = np.exp(_spread(features[..., 3:], known)[0][..., 0])
        calm = grain < 1.2 * ground_grain + _FOLDS**2
        head = np.zeros(person.shape, np.uint8)
        cv2.fillConvexPoly(head, np.round(head_outline(marks)).astype(np.int32), 1)
        beside = ~known & calm & (opacity > _THIN) & (opacity < _DENSE) & inside & (head == 0)
        return _Seen(ground, end, opacity, beside, known, frame, np.sqrt(grain), np.sqrt(ground_grain), ground_noise)


def _frame(inside: np.ndarray, chin: int) -> np.ndarray:
    (top, _), (left, right) = (np.flatnonzero(inside.any(axis))[[0, -1]] for axis in (1, 0))
    frame = np.zeros(inside.shape, bool)
    frame[top : top + _FRAME] = True
    frame[: max(chin, top), left : left + _FRAME] = True
    frame[: max(chin, top), right + 1 - _FRAME : right + 1] = True
    return frame


def _grown(features: np.ndarray, seeds: np.ndarray, free: np.ndarray) -> np.ndarray | None:
    """[S, S] bool the ground: `free` pixels like the `seeds`, and like one another, that hang together with them."""
    if seeds.sum() < _FRAME**2:
        return None
    cv2 = opencv()
    ground = seeds
    for _ in range(_ROUNDS):
        mean, variance = _spread(features, ground)
        like = free & ((np.square(features - mean) / (variance + _NOISE**2)).max(-1) < _ALIKE**2)
        _, pieces = cv2.connectedComponents((like | ground).astype(np.uint8), connectivity=4)
        ground = like & np.isin(pieces, np.setdiff1d(pieces[ground], [0]))
        if not ground.any():
            return None
    return ground


def _spread(values: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances [S, S, C] of values [S, S, C] of `where` [S, S] around, from afar where none is near."""
    moments = np.dstack([values, values**2])
    near, share = mean_around(moments, where, _NEAR)
    far, _ = mean_around(moments, where, _FAR)
    weight = np.clip(share / _ENOUGH, 0, 1)[..., None]
    mean, square = np.split(weight * near + (1 - weight) * far, 2, axis=-1)
    return mean, np.maximum(square - mean**2, 0)


def _veils(seen: _Seen, person: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """[S, S] bool where there are veils, white or black.

    They are known outside of the person, white ones also in it if they have the ground's tint; and then wherever
    something of their color hangs together with them.
    """
    light, dark = seen.end.min(-1), 1 - seen.end.max(-1)
    tinted = (1 - seen.opacity) * np.ptp(seen.ground, axis=-1) > _TINT
    white = _like(seen, seen.beside & (light > 1 - _NEUTRAL) & (~person | tinted), light > 1 - _SAME)
    black = _like(seen, seen.beside & (dark > 1 - _NEUTRAL) & ~person, dark > 1 - _SAME)
    veil = np.zeros(person.shape, bool)
    if _is_veil(seen, white, person, marks):
        veil |= white
    if _is_veil(seen, black, person, marks) and _on_both_sides(black, marks):
        veil |= black
    return veil


def _like(seen: _Seen, known: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """[S, S] bool the large parts of what is `known`, and what is `alike` that hangs together with them."""
    known = _large(_opened(known))
    if not known.any():
        return known
    opacity = np.median(seen.opacity[known])
    alike = alike & seen.beside & (seen.opacity > 0.4 * opacity) & (seen.opacity < 2 * opacity)
    _, labels = opencv().connectedComponents((_opened(alike) | known).astype(np.uint8), connectivity=4)
    return np.isin(labels, np.unique(labels[known]))


def _opened(where: np.ndarray) -> np.ndarray:
    cv2 = opencv()
    opened: np.ndarray = cv2.morphologyEx(where.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
    return opened > 0


def _large(where: np.ndarray) -> np.ndarray:
    cv2 = opencv()
    _, labels, stats, _ = cv2.connectedComponentsWithStats(where.astype(np.uint8), connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] > _PART * where.size
    large[0] = False
    return large[labels]


def _is_veil(seen: _Seen, veil: np.ndarray, person: np.ndarray, marks: np.ndarray) -> bool:
    """Whether all that is of one color may be veils: beside the head, with an edge, not cut above the chin."""
    cv2 = opencv()
    if veil.mean() < _LEAST or (veil & seen.frame).sum() > _CUT * veil.sum():
        return False
    above = (np.nonzero(veil)[0] < marks[CHIN, 1]).mean()
    wide = cv2.dilate(veil.astype(np.uint8), np.ones((9, 9))) > 0
    outer = wide & (cv2.dilate(seen.known.astype(np.uint8), np.ones((9, 9))) > 0)
    if above < _ABOVE or not (wide & person).any() or not outer.any():
        return False
    slopes = [cv2.Sobel(seen.opacity, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1))]
    steepest = cv2.dilate(np.where(outer, np.sqrt(np.square(slopes).sum(0)), 0), np.ones((7, 7)))
    return bool(np.median(steepest[outer]) > _SHARP * np.median(seen.opacity[veil]))


def _on_both_sides(veil: np.ndarray, marks: np.ndarray) -> bool:
    middle = (marks[:468, 0].min() + marks[:468, 0].max()) / 2
    left = (np.nonzero(veil)[1] < middle).mean()
    return bool(_SIDE < left < 1 - _SIDE)


def _solve(crop: np.ndarray, seen: _Seen, veil: np.ndarray) -> Veils:
    """Opacities at the crop's own edge of veils at [256, 256] bool."""
    cv2 = opencv()
    size = len(crop)
    end, _ = mean_around(seen.end, veil, _FOLDED)
    end = seen.ground + (end - seen.ground) / _denser(seen, veil)
    wide = cv2.dilate(veil.astype(np.uint8), np.ones((2 * _AROUND + 1,) * 2)).astype(np.float32)
    layers = cv2.resize(np.dstack([seen.ground, end]).astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    ground, end = layers[..., :3], layers[..., 3:]
    way = end - ground
    offset = cv2.GaussianBlur(crop.astype(np.float32) / 255, (0, 0), 0.7 * size / 512) - ground
    opacity = np.einsum("...i,...i", offset, way) / np.maximum(np.einsum("...i,...i", way, way), 1e-3)
    where = cv2.resize(veil.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR) > 0.5
    within = cv2.resize(wide, (size, size), interpolation=cv2.INTER_LINEAR)
    noise = cv2.resize(seen.ground_noise, (size, size)) / np.maximum(np.linalg.norm(way, axis=-1), 0.05)
    calm = _calmed(np.clip(opacity, 0, 1), where, noise)
    return Veils((calm * np.clip(2 * within - 0.5, 0, 1)).astype(np.float32), where)


def _calmed(opacity: np.ndarray, where: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Opacities [S, S] without what of the ground's grain is seen through a veil: Lee's filter of a noise [S, S]."""
    mean, _ = mean_around(np.dstack([opacity, opacity**2]), where, _FOLD / _EDGE)
    variance = np.maximum(mean[..., 1] - mean[..., 0] ** 2, 0)
    unseen = ((1 - mean[..., 0]) * noise) ** 2
    share = np.clip(1 - unseen / np.maximum(variance, 1e-6), 0, 1)
    calm: np.ndarray = np.where(where, mean[..., 0] + share * (opacity - mean[..., 0]), opacity)
    return calm


def _denser(seen: _Seen, veil: np.ndarray) -> float:
    """How many times more opaque than the least a veil is, which the ground's weaker grain tells."""
    strong = veil & (seen.ground_grain > _VISIBLE)
    if strong.sum() < 0.5 * veil.sum():
        return 1.0
    through = np.median(seen.grain[strong] / seen.ground_grain[strong])
    return float(np.clip((1 - through) / np.median(seen.opacity[strong]), 1, _RATHER))
