"""The throat: skin in the jaw's shade, which has the face's hue and not its light."""

from __future__ import annotations

import numpy as np

from ...easing import smoothstep
from ...face.topology import CHIN, FACE_OVAL
from ...types import Portrait
from .completion import BLACK

_LIGHT = (-1.3, 0.15, 0.2)  # of the skin in its shade over the jaw's, logarithms: least, most, and how softly
_STRONGER, _WEAKER, _OTHER = 0.4, 0.12, 0.15  # how much its hue may differ: shade of skin is no grayer than its light
_WIDE = (0.5, 0.8)  # of the distance from the chin to the face's sides: there it ends
_NEAR_CM = (0.4, 2.5)  # under the chin a throat would be seen
_RIM_CM = (0.2, 0.8)  # under the jaw its own shade lies on the throat
_DARKER = (0.7, 0.9)  # of the light there: less falls on hair
_FEW = 0.3  # share of what is seen there
_SHADE = 0.65  # of the jaw's underside where no throat is seen


def throat_of(
    color: np.ndarray, beside: np.ndarray, jaw: np.ndarray, portrait: Portrait
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the throat is seen, and its color in the jaw's shade.

    Args:
        color: [S, S, 3] RGB 0..1 of the crop.
        beside: [S, S] bool: opaque, and not in the face.
        jaw: [3] RGB 0..1 of the skin over the jaw.
        portrait: with landmarks.

    Returns:
        [S, S] float32 0..1 how much pixels are like skin in the shade, 0 but under the jaw; and [3] RGB 0..1 of
        what lies in the jaw's own shade: right under it, or the jaw's color darkened if too little of a throat is seen.
    """
    marks, scale = portrait.landmarks, float(portrait.pose.scale)
    column, row = marks[CHIN, :2]
    across = np.arange(portrait.size) - column
    half = np.where(across < 0, column - marks[list(FACE_OVAL), 0].min(), marks[list(FACE_OVAL), 0].max() - column)
    low, high = _WIDE
    middle = smoothstep((high - np.abs(across) / np.maximum(half, 1)) / (high - low))
    rows = np.arange(portrait.size)[:, None]
    low, high = _NEAR_CM
    throat = like_shade(color, jaw) * beside * middle * (rows > row - high * scale)
    near = (rows > row + low * scale) & (rows < row + high * scale) & (middle > 0.5)
    shown = near & (throat > 0.5)
    if shown.sum() <= _FEW * near.sum():
        return np.zeros(beside.shape, np.float32), _SHADE * jaw
    close, far = (np.roll(beside, round(reach * scale), axis=0) for reach in _RIM_CM)
    rim = (throat > 0.5) & close & ~far
    under = np.median(color[rim if rim.any() else shown], axis=0)
    low, high = _DARKER
    light = (color + BLACK).mean(-1) / (under + BLACK).mean()
    return (throat * smoothstep((light - low) / (high - low))).astype(np.float32), under


def like_shade(color: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """[...] 0..1 how far colors [..., 3] may be `skin` [3] with less light on it."""
    over = np.log(color + BLACK) - np.log(skin + BLACK)
    light, own = over.mean(-1), np.log(skin + BLACK)
    hue, own = over - light[..., None], own - own.mean()
    way = own / max(float(np.linalg.norm(own)), 1e-3)
    along = hue @ way
    other = np.linalg.norm(hue - along[..., None] * way, axis=-1)
    low, high, soft = _LIGHT
    off = np.maximum(low - light, light - high).clip(0) / soft
    changed = along / np.where(along > 0, _STRONGER, _WEAKER)
    like: np.ndarray = np.exp(-(off**2 + changed**2 + (other / _OTHER) ** 2) / 2)
    return like
