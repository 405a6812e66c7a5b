"""The grain of skin: pores, brushwork or a film's, of which skin that was not seen has as much as what was.

A texture with the spectrum of what is seen, the same in all directions, and random phases (Galerne et al., Random Phase
Textures, 2011): no mole or wrinkle comes twice, and what a turned side narrows draws no streaks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.fft import fft2, fftfreq, ifft2
from scipy.ndimage import map_coordinates

from ...face.topology import BROWS, EYE_RINGS, FACE_OVAL, OUTER_LIPS
from ...types import Portrait
from .completion import BLACK
from .pixels import mean_near, polygon
from .regions import Regions
from .stage import Stage

_COARSEST_CM = 0.2  # standard deviation of what is light and form
_FINEST_CM = 0.06  # and of what no splat can hold
_FEATURE_CM = 0.5  # around eyes, brows and lips, and inside of the face's outline
_USUAL = 2.5  # deviations from which on it is no grain, but a wrinkle or a hair
_FEW, _NONE = 2000, 1e-6  # pixels, and of a deviation
_TONES = 8  # steps of the skin's light
_VIVID = 1.5  # how much stronger it is, for splats blur it
_PLANES = ((1, 2), (2, 0), (1, 0))  # coordinates across the three axes, down and across the texture


@dataclass(frozen=True)
class Grain:
    """Light and dark of skin, and a texture of it."""

    texture: np.ndarray
    """[S, S] periodic, of deviation one; all 0 where no skin is seen."""
    light: np.ndarray
    """[T] rising logarithms of the skin's gray."""
    strength: np.ndarray
    """[T] deviation of that in each light: what is burnt out has none."""
    hue: np.ndarray
    """[3] what its channels have of it."""
    scale: float
    """Pixels per centimeter."""

    @staticmethod
    def of(portrait: Portrait, stage: Stage, regions: Regions) -> Grain:
        """Return the grain that the face of a portrait shows between its features."""
        shown = _plain_skin(portrait, stage, regions)
        if shown.sum() < _FEW:
            return Grain(np.zeros((1, 1)), np.zeros(1), np.zeros(1), np.ones(3), stage.scale)
        values = np.log(portrait.crop / np.float32(255) + BLACK)
        even = mean_near(values, shown, _COARSEST_CM * stage.scale)
        values = _blur(values, _FINEST_CM * stage.scale) - even
        gray, tone = values.mean(2), even.mean(2)
        skin = shown > 0
        by_light = [np.flatnonzero(skin)[part] for part in np.array_split(np.argsort(tone[skin]), _TONES)]
        light = np.array([tone.flat[part].mean() for part in by_light])
        strength = np.array([1.48 * np.median(np.abs(gray.flat[part])) for part in by_light])
        strength = np.minimum(strength, np.median(strength))  # more is form: wrinkles at the edge of the light
        alike = gray / np.maximum(np.interp(tone, light, strength), _NONE)
        usual = skin & (np.abs(alike) < _USUAL)
        hue = gray[usual] @ values[usual] / max(float(np.square(gray[usual]).sum()), _NONE**2)
        phases = fft2(np.random.default_rng(0).standard_normal(gray.shape))
        spectrum = _even_spectrum(np.clip(alike, -_USUAL, _USUAL) * shown)
        texture = ifft2(spectrum * phases / np.maximum(np.abs(phases), _NONE)).real
        return Grain(texture / max(float(texture.std()), _NONE), light, strength, hue, stage.scale)

    def over(self, colors: np.ndarray, points: np.ndarray, normals: np.ndarray, much: np.ndarray) -> np.ndarray:
        """Return colors [N, 3] 0..1 of canonical points [N, 3] with unit normals [N, 3], grained by `much` [N] 0..1."""
        values = np.log(colors + BLACK)
        strength = np.interp(values.mean(1), self.light, self.strength)
        grain = _VIVID * much * strength * self._at(points, normals)
        return np.clip(np.exp(values + grain[:, None] * self.hue) - BLACK, 0, 1)

    def _at(self, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """[N] the texture, from the planes that normals [N, 3] face, as far as they do."""
        shares = normals**4
        size = np.array(self.texture.shape)
        total = np.zeros(len(points))
        for axis, plane in enumerate(_PLANES):
            places = points[:, plane].T * self.scale % size[:, None]
            total += shares[:, axis] * map_coordinates(self.texture, places, order=1, mode="grid-wrap")
        even: np.ndarray = total / np.sqrt((shares**2).sum(1))
        return even


def _even_spectrum(gray: np.ndarray) -> np.ndarray:
    """[S, S] magnitudes of the frequencies of a picture [S, S]: the root of the mean square of all that are as high."""
    size = len(gray)
    frequency = fftfreq(size, 1 / size)
    ring = np.round(np.hypot(frequency[:, None], frequency)).astype(int).ravel()
    power = np.bincount(ring, np.square(np.abs(fft2(gray))).ravel()) / np.maximum(np.bincount(ring), 1)
    return np.sqrt(power)[ring].reshape(gray.shape)


def _plain_skin(portrait: Portrait, stage: Stage, regions: Regions) -> np.ndarray:
    """[S, S] float32 0..1 of the face's skin what is no feature."""
    marks, size = portrait.landmarks[:, :2], portrait.size
    features = 1 - polygon(marks[list(FACE_OVAL)], size)
    for mark in (*EYE_RINGS, BROWS[:10], BROWS[10:], OUTER_LIPS):
        features = np.maximum(features, polygon(cv2.convexHull(marks[list(mark)])[:, 0], size))
    reach = round(_FEATURE_CM * stage.scale)
    near = cv2.dilate(features, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2))
    return ((regions.skin * (1 - regions.locks) > 0.5) & (near < 0.5)).astype(np.float32)


def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), sigma)
