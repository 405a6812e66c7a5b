"""Where a portrait's irises are, how soft their edges are, and what they look like under the lids."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...easing import smoothstep

_ANGLES, _RINGS = 48, 24
_AWAY, _GROWTH = 0.3, 0.2  # how far from the landmarks' circle one is looked for, in radii
_STEPS = 9  # of each of its coordinates
_DOUBT = 0.2  # cost of a circle that far away, against the contrast within the eye
_GAP = 0.12  # radii between the two rings that an edge is told by
_EDGE = (0.88, 1.4)  # radii between which iris turns into white
_BANDS = 32  # of a radius, and of the edge
_FACINGS = 0.25  # least share of the circle that must be seen
_PUPIL = np.array([0.24, 0.16, 0.12])  # color where nothing is seen
_LEAST_CONTRAST = 0.08  # of iris and white, under which the edge tells nothing of its softness
_PLAIN_EDGE = (0.98, 1.14)


@dataclass(frozen=True)
class Iris:
    """A circle in pixels of the crop."""

    center: np.ndarray
    """[2] x, y."""
    radius: float

    def distance(self, places: np.ndarray) -> np.ndarray:
        """Radii from the center [...] of pixels [..., 2]."""
        return np.linalg.norm(places - self.center, axis=-1) / self.radius


def find_iris(light: np.ndarray, seen: np.ndarray, guess: Iris) -> Iris:
    """Return the circle near `guess` over whose edge it becomes brightest (Daugman's integro-differential operator).

    Args:
        light: [S, S] 0..1, of the crop.
        seen: [S, S] 0..1 where lids leave the eye open.
        guess: from the landmarks; it stays where the picture does not tell.
    """
    inside = light[seen > 0.5]
    if len(inside) < _ANGLES:
        return guess
    light = np.minimum(light, np.percentile(inside, 85)).astype(np.float32)  # catchlights are no edges
    contrast = float(inside.std()) + 1e-3
    angle = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    rays = np.stack([np.cos(angle), np.sin(angle)], -1)
    radii = np.linspace(1 - _GROWTH - _GAP, 1 + _GROWTH + _GAP, _RINGS)
    shift = round(_GAP / (radii[1] - radii[0]))
    best, found = 0.0, guess
    offsets = np.linspace(-_AWAY, _AWAY, _STEPS)
    for dx in offsets:
        for dy in offsets:
            center = guess.center + guess.radius * np.array([dx, dy])
            places = (center + guess.radius * radii[:, None, None] * rays).astype(np.float32)
            x, y = np.moveaxis(places, -1, 0)
            ring, open_ = (cv2.remap(image, x, y, cv2.INTER_LINEAR) for image in (light, seen))
            weight = np.minimum(open_[2 * shift :], open_[: -2 * shift])
            rise = ((ring[2 * shift :] - ring[: -2 * shift]) * weight).sum(1) / np.maximum(
                weight.sum(1), _FACINGS * _ANGLES
            )
            growth = radii[shift:-shift] - 1
            away = (dx**2 + dy**2) / _AWAY**2 + np.square(growth / _GROWTH)
            score = rise / contrast - _DOUBT * away
            if score.max() > best:
                best, found = float(score.max()), Iris(center, guess.radius * float(1 + growth[score.argmax()]))
    return found


def iris_texture(color: np.ndarray, distance: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Colors [H, W, 3] of a whole iris: rings of the median color of what lids leave open.

    Args:
        color: [H, W, 3].
        distance: [H, W] radii from the iris' center.
        seen: [H, W] bool.
    """
    iris = seen & (distance < 1)
    profile = np.tile(np.median(color[iris], 0) if iris.any() else _PUPIL, (_BANDS, 1))
    for k in range(_BANDS):
        band = iris & (np.abs(distance - (k + 0.5) / _BANDS) < 2 / _BANDS)
        if band.sum() > 3:
            profile[k] = np.median(color[band], 0)
    pure = np.minimum(distance, _EDGE[0])  # what lies farther out is mixed with white already
    rings: np.ndarray = profile[(pure * _BANDS).astype(int)]
    return rings


def iris_alpha(color: np.ndarray, white: np.ndarray, distance: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """[H, W] 0..1 how much of each pixel is iris: 1 to 0 over the edge, as softly as in the portrait.

    Args:
        color: [H, W, 3].
        white: [H, W, 3] of the eye without its iris.
        distance: [H, W] radii from the iris' center.
        seen: [H, W] bool.
    """
    low, high = _EDGE
    dark = seen & (np.abs(distance - low) < 0.08)
    plain = 1 - smoothstep((distance - _PLAIN_EDGE[0]) / (_PLAIN_EDGE[1] - _PLAIN_EDGE[0]))
    if dark.sum() < 5:
        return plain
    step = white - np.median(color[dark], 0)
    clear = seen & (np.square(step).sum(-1) > _LEAST_CONTRAST**2) & (distance > low) & (distance < high)
    share = ((white - color) * step).sum(-1) / np.maximum(np.square(step).sum(-1), _LEAST_CONTRAST**2)
    places = np.linspace(low, high, _BANDS)
    profile = 1 - smoothstep((places - _PLAIN_EDGE[0]) / (_PLAIN_EDGE[1] - _PLAIN_EDGE[0]))
    for k, place in enumerate(places):
        band = clear & (np.abs(distance - place) < 0.06)
        if band.sum() > 5:
            profile[k] = np.median(share[band])
    # An edge ends: what is dark beyond is a lid's shadow.
    profile = np.minimum.accumulate(np.clip(profile, 0, 1)) * (1 - smoothstep((places - 1.15) / (high - 1.15)))
    return np.interp(distance, places, profile, left=1.0, right=0.0)
