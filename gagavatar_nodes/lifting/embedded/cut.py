"""Heads that the picture's edges cut: the matte goes on over what is missing, for the head to close there."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

from ...face.topology import CHIN
from ...types import Portrait

_EDGE = 1 / 256  # of the crop's edge: what the picture's own edge may have blurred
_ROUNDED = 1 / 40  # and how far from it mattes round off


def cut_off(portrait: Portrait) -> np.ndarray:
    """[S, S] bool: pixels of the crop above the chin that the picture does not have."""
    return _beyond(portrait, _EDGE) & (np.arange(portrait.size)[:, None] < portrait.landmarks[CHIN, 1])


def whole_matte(portrait: Portrait) -> np.ndarray:
    """[S, S] float32 the matte, over what is `cut_off` as at the picture's edge beside it."""
    missing, unsure = cut_off(portrait), _beyond(portrait, _ROUNDED)
    if not missing.any() or unsure.all():
        return portrait.alpha
    row, column = distance_transform_edt(unsure, return_distances=False, return_indices=True)
    return np.where(missing, portrait.alpha[row, column], portrait.alpha)


def _beyond(portrait: Portrait, margin: float) -> np.ndarray:
    """[S, S] bool: the crop's pixels outside of the picture, or within `margin` of its edge, in edges of the crop."""
    size, (height, width) = portrait.size, portrait.picture.shape[:2]
    column, row = np.meshgrid(np.arange(size), np.arange(size))
    x, y = np.einsum("ij,jhw->ihw", portrait.crop_to_picture, np.stack([column, row, np.ones_like(row)]))
    margin *= size * float(np.hypot(*portrait.crop_to_picture[:, 0]))
    beyond: np.ndarray = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y)) < margin
    return beyond
