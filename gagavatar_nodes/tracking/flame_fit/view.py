"""A portrait as the published network wants to see it: a tight square on black, with FLAME codes and a camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...types import FlameCodes, Portrait
from ..crop import cut_square, square_to_picture
from ..pose import project
from .fit import HALF_WIDTH_CM, HEAD_CENTER, fit_landmarks

if TYPE_CHECKING:
    from ...heads.flame import Flame

SIZE = 512
"""Edge of the network's image in pixels."""


@dataclass(frozen=True)
class PortraitView:
    """The published network's view of a portrait."""

    image: np.ndarray
    """[512, 512, 3] uint8 RGB, the person on black."""
    codes: FlameCodes
    """Of one frame; `codes.transform[0]` is the camera of `image`."""
    to_crop: np.ndarray
    """[2, 3] float64 similarity from pixels of `image` to pixels of the portrait's crop."""


def view_portrait(portrait: Portrait, flame: Flame, shape: np.ndarray | None = None) -> PortraitView:
    """Cuts the network's square out of a portrait's crop and fits FLAME in it.

    Args:
        portrait: at 768 pixels or more its crop is not enlarged.
        flame: with landmarks.
        shape: [300] codes of the person; fitted to the portrait by default.

    Raises:
        GagavatarError: the FLAME file has no landmark embedding.
    """
    square = _square(portrait)
    to_crop = square_to_picture(square, SIZE)
    scale = to_crop[0, 0]
    landmarks = portrait.landmarks.astype(np.float64)
    landmarks[:, :2] -= to_crop[:, 2]
    codes = fit_landmarks(flame, landmarks[None] / scale, SIZE, shape=shape, smoothing=0)
    matted = portrait.crop * portrait.alpha[..., None]
    image = cut_square(matted.astype(np.float32), square, SIZE, outside=0)
    return PortraitView(np.clip(image + 0.5, 0, 255).astype(np.uint8), codes, to_crop)


def _square(portrait: Portrait) -> tuple[int, int, int]:
    """Left, top and edge in whole pixels of the crop."""
    edge = max(2, round(2 * HALF_WIDTH_CM * portrait.pose.scale))
    corner = project(portrait.pose, HEAD_CENTER)[:2] - (edge - 1) / 2
    left, top = np.round(corner).astype(int)
    return int(left), int(top), edge
