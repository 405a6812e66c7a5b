"""SSIM: structural similarity.

Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004.
"""

from __future__ import annotations

import numpy as np

from ..tracking.opencv import opencv
from .regions import in_regions
from .sights import Moment
from .variants import SELF, Variant

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_SOURCE = "Wang et al. 2004; as torchmetrics' StructuralSimilarityIndexMeasure"
_DEFINITION = (
    "mean of the SSIM map of the three channels, 8 bit, Gaussian window of 11 pixels and deviation 1.5, K1 0.01, K2 "
    "0.03, without the 5 pixels at the border"
)


def ssim_map(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """[H, W, 3] similarity of pictures [H, W, 3] uint8 around each pixel, by channel."""
    x, y = image.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return luminance * (2 * covariance + _C2) / (variance_x + variance_y + _C2)


def ssim(image: np.ndarray, truth: np.ndarray) -> float:
    """Mean of `ssim_map` where the window fits into the picture."""
    edge = _WINDOW // 2
    return float(ssim_map(image, truth)[edge:-edge, edge:-edge].mean())


def _blur(image: np.ndarray) -> np.ndarray:
    return opencv().GaussianBlur(image, (_WINDOW, _WINDOW), _SIGMA)


def _in_face(moment: Moment) -> float:
    if moment.outline is None:
        return float("nan")
    return float(ssim_map(moment.result.rgb, moment.truth.rgb)[moment.outline].mean())


VARIANTS = (
    Variant(
        "ssim.face", "SSIM, face", f"{_DEFINITION}; inside the outline of the truth's landmarks", _SOURCE, "",
        "higher", _in_face, protocols=(SELF,),
    ),
    *in_regions("ssim", "SSIM", _DEFINITION, _SOURCE, "", "higher", ssim),
)  # fmt: skip
