"""What covers the dark line of closed lips beyond their corners, where it would stay on the cheeks."""

from __future__ import annotations

import cv2
import numpy as np

from ...easing import smoothstep
from ...face.topology import OUTER_LIPS
from ...types import Portrait
from .binding import bind_to_face
from .depth import FrontDepth
from .layer import Layer, discs
from .pixels import mean_near, polygon
from .stage import Stage

_CORNERS = ((78, 61), (308, 291))
"""Where the inner lips meet, and the outer ones."""
_BEYOND_CM, _END_CM = 0.5, 0.3  # from the outer corner to where lines begin to stay, and over which they do
_ASIDE_CM = (0.2, 0.4)  # the same, from what goes straight on through both corners
_RIM_CM = 0.1  # least width of the lips around a corner
_LINE_CM = 0.4  # no line is as wide
_DARKER = (0.04, 0.14)  # share by which a line is darker than what is above and below it
_SPREAD_CM = 0.25  # over which the color beside a line is taken
_EVEN_CM, _EVEN = 0.5, (0.05, 0.12)  # what is near a corner, and shares of it in lines: a beard has no single one
_BEFORE_CM, _SIGMA = 0.15, 1.4  # before the skin; and in pixels, for skin stretches beside the corners
_LEAST = 0.03  # opacity worth a splat


def corner_lines(portrait: Portrait, stage: Stage, depth: FrontDepth) -> Layer:
    """Return skin before the dark line beside both corners of the mouth, and lips before it in them."""
    size, scale = portrait.size, stage.scale
    crop = portrait.crop.astype(np.float32) / 255
    lips = cv2.GaussianBlur(polygon(portrait.landmarks[list(OUTER_LIPS), :2], size), (0, 0), 0.7)
    near, rim = _around_corners(portrait, scale)
    dark = _dark_lines(crop.mean(-1), scale)
    elsewhere = ((near == 0) & (lips < 0.01)).astype(np.float32)
    busy = mean_near(dark[..., None], elsewhere, _EVEN_CM * scale)[..., 0]
    line = cv2.GaussianBlur(cv2.dilate(dark, np.ones((3, 3))), (0, 0), 0.7)
    shown = line * near * smoothstep((_EVEN[1] - busy) / (_EVEN[1] - _EVEN[0]))
    of_lips, of_skin = (mean_near(crop, (1 - line) * part, _SPREAD_CM * scale) for part in (lips, 1 - lips))
    colors = of_skin + np.maximum(lips, rim)[..., None] * (of_lips - of_skin)

    row, column = np.nonzero(shown > _LEAST)
    pixels, z = np.stack([column, row], 1).astype(float), depth.z[row, column]
    on_skin, before = (stage.to_canonical(stage.unproject(pixels, z + forward)) for forward in (0, _BEFORE_CM))
    binding = bind_to_face(on_skin, pixels, depth.face[row, column], portrait.landmarks[:, :2], portrait)
    return discs(before, binding, colors[row, column], 0.98 * shown[row, column], _SIGMA / scale)


def _dark_lines(light: np.ndarray, scale: float) -> np.ndarray:
    """[S, S] float32 0..1 where lightness [S, S] is less than above and below."""
    tall = np.ones((2 * round(_LINE_CM * scale / 2) + 1, 1), np.uint8)
    around = cv2.morphologyEx(light, cv2.MORPH_CLOSE, tall)
    low, high = _DARKER
    darker = (around - light) / np.maximum(around, 1e-3)
    return smoothstep((darker - low) / (high - low)).astype(np.float32)


def _around_corners(portrait: Portrait, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """[S, S] 0..1 each: near what goes straight on from where inner lips meet, and how far it is the lips' rim."""
    places = np.moveaxis(np.indices((portrait.size,) * 2)[::-1], 0, -1)
    marks = portrait.landmarks[:, :2].astype(float)
    right = marks[_CORNERS[1][0]] - marks[_CORNERS[0][0]]
    right /= max(float(np.linalg.norm(right)), 1e-6)
    near, rim = np.zeros((2, portrait.size, portrait.size))
    for outward, (inner, outer) in zip((-right, right), _CORNERS, strict=True):
        way = (places - marks[outer]) / scale
        along, aside = way @ outward, np.abs(way @ [-outward[1], outward[0]])
        width = max((marks[outer] - marks[inner]) @ outward / scale, _RIM_CM)
        close = smoothstep((along + width) / _RIM_CM + 1) * smoothstep((_BEYOND_CM - along) / _END_CM + 1)
        close *= smoothstep((_ASIDE_CM[1] - aside) / (_ASIDE_CM[1] - _ASIDE_CM[0]))
        near = np.maximum(near, close)
        rim = np.where(close > 0, smoothstep(-along / width), rim)
    return near, rim
