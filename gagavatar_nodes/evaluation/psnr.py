"""PSNR: peak signal to noise ratio."""

from __future__ import annotations

import numpy as np

from .regions import in_regions
from .sights import Moment
from .variants import SELF, Variant

_BEST = 100.0
"""Decibels of equal pictures, whose ratio is infinite: means stay finite."""
_SOURCE = "10 log10(255^2 / MSE)"
_DEFINITION = "decibels of the mean square error over all pixels and channels, 8 bit; equal pictures count as 100"


def psnr(image: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Decibels between pictures [H, W, 3] uint8, where `mask` [H, W] holds; 100 at most."""
    difference = image.astype(np.float64) - truth
    error = np.mean(np.square(difference if mask is None else difference[mask]))
    return float(min(_BEST, 10 * np.log10(255**2 / error))) if error else _BEST


def _in_face(moment: Moment) -> float:
    if moment.outline is None:
        return float("nan")
    return psnr(moment.result.rgb, moment.truth.rgb, moment.outline)


VARIANTS = (
    Variant(
        "psnr.face", "PSNR, face", f"{_DEFINITION}; inside the outline of the truth's landmarks", _SOURCE, "dB",
        "higher", _in_face, protocols=(SELF,),
    ),
    *in_regions("psnr", "PSNR", _DEFINITION, _SOURCE, "dB", "higher", psnr, ("GAGAvatar", "FlexAvatar")),
)  # fmt: skip
