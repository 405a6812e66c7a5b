"""The forehead of a talking head, held steady as the publication of ARTalk does it (arXiv 2502.20323).

Speech gives no reason for it to tremble, and what trembles there shows in the hair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from ...heads.flame import Flame
    from ...types import FlameCodes

FOREHEAD = (
    2168,
    2165,
    3068,
    2199,
    2196,
    3720,
    2091,
    2088,
    3524,
    625,
    628,
    3871,
    705,
    708,
    2030,
    667,
    670,
    3708,
    3706,
    3729,
    3721,
    3773,
    3789,
    3735,
    3732,
    3786,
    3876,
    3878,
    3913,
    3899,
    3872,
    3874,
    3864,
    3865,
    3158,
    3157,
    336,
    335,
    3153,
    3705,
    2177,
    2176,
    3540,
    671,
    672,
    3863,
    2134,
    16,
    17,
    2138,
    2139,
    2567,
    2566,
    337,
    338,
    3154,
    3712,
    2178,
    2179,
    3495,
    674,
    673,
    3868,
    2135,
    27,
    18,
    1429,
    1430,
)
"""The published list of FLAME's vertices."""
_NEW = 0.02  # share of a new frame in the exponential mean
_BLOCK = 512  # frames posed at once


def steady_forehead(flame: Flame, codes: FlameCodes) -> np.ndarray:
    """[T, 68, 3] float32 the vertices `FOREHEAD` in head units, each the exponential mean of its past.

    The mean begins with the first frame.
    """
    from scipy.signal import lfilter

    part = flame.part(FOREHEAD)
    blocks = [
        pose_vertices(part, codes, slice(i, i + _BLOCK)).cpu().numpy() for i in range(0, len(codes.transform), _BLOCK)
    ]
    points = np.concatenate(blocks).astype(np.float64)
    mean, _ = lfilter([_NEW], [1, _NEW - 1], points, axis=0, zi=(1 - _NEW) * points[:1])
    return mean.astype(np.float32)


def pose_vertices(flame: Flame, codes: FlameCodes, frames: slice | list[int]) -> Tensor:
    """Vertices [B, V, 3] in head units at some frames of codes with one shape, on the model's device."""
    import torch

    some = (codes.shape[None], *(getattr(codes, name)[frames] for name in ("expression", "jaw", "eyes")))
    device = flame.template.device
    with torch.inference_mode():
        return flame(*(torch.from_numpy(np.ascontiguousarray(code, np.float32)).to(device) for code in some))
