"""A portrait as the published network wants to see it: a tight square on black, with FLAME codes and a camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...face.pose import project
from ...types import FlameCodes, Portrait
from ..crop import chain, cut_square, inverse, square_to_picture, warp
from .fit import HALF_WIDTH_CM, HEAD_CENTER, fit_landmarks

if TYPE_CHECKING:
    from ...heads.flame import Flame

SIZE = 512
"""Edge of the network's image in pixels."""


@dataclass(frozen=True)
class PortraitView:
    """The published network's view of a portrait."""

    image: np.ndarray
    """[512, 512, 3] RGB, the person on black: uint8, or float32 0..1 by the published tracker, which does not round."""
    alpha: np.ndarray
    """[512, 512] float32 0..1 the person's matte."""
    codes: FlameCodes
    """Of one frame; `codes.transform[0]` is the camera of `image`."""
    to_picture: np.ndarray
    """[2, 3] float64 similarity from pixels of `image` to pixels of the portrait's picture."""


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
    alpha = np.clip(cut_square(portrait.alpha, square, SIZE, outside=0), 0, 1)
    to_picture = chain(portrait.crop_to_picture, to_crop)
    return PortraitView(np.clip(image + 0.5, 0, 255).astype(np.uint8), alpha, codes, to_picture)


def frame_portrait(portrait: Portrait, to_picture: np.ndarray) -> Portrait:
    """Return a portrait whose crop is the square of a `PortraitView`, for stitching the network's pictures back."""
    to_crop = chain(inverse(portrait.crop_to_picture), to_picture)
    matted = (portrait.crop * portrait.alpha[..., None]).astype(np.float32)
    landmarks, back = portrait.landmarks.copy(), inverse(to_crop)
    landmarks[:, :2] = landmarks[:, :2] @ back[:, :2].T + back[:, 2]
    landmarks[:, 2] *= back[0, 0]
    return replace(
        portrait, crop=(warp(matted, to_crop, (SIZE, SIZE)) + 0.5).astype(np.uint8),
        alpha=warp(portrait.alpha, to_crop, (SIZE, SIZE)), crop_to_picture=to_picture,
        landmarks=landmarks.astype(np.float32),
    )  # fmt: skip


def _square(portrait: Portrait) -> tuple[int, int, int]:
    """Left, top and edge in whole pixels of the crop."""
    edge = max(2, round(2 * HALF_WIDTH_CM * portrait.pose.scale))
    corner = project(portrait.pose, HEAD_CENTER)[:2] - (edge - 1) / 2
    left, top = np.round(corner).astype(int)
    return int(left), int(top), edge
