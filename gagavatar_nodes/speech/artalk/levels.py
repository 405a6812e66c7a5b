"""The motion code's levels: 1, 5, 25, 50 and 100 tokens of 32 bits for 100 frames, each coding what coarser ones left.

Residual binary spherical quantization: a token is the signs of a unit vector of 32 numbers, so there is no codebook.
Features are [B, 100, 32], bits [B, 181, 32] bool with the coarsest level first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = (1, 5, 25, 50, 100)
"""Tokens of each level."""
TOKENS = sum(LEVELS)
FRAMES = LEVELS[-1]
"""Frames of a chunk, at 25 a second."""
BITS = 32
_ENDS = tuple(accumulate(LEVELS))
SPANS = tuple(slice(end - length, end) for end, length in zip(_ENDS, LEVELS, strict=True))
"""Where each level's tokens lie among all of them."""


def pool(x: Tensor, length: int) -> Tensor:
    """[B, T, C] to [B, length, C]: means of (overlapping) parts of equal length."""
    source = x.cpu() if x.device.type == "mps" else x  # there only lengths that divide are averaged
    return functional.adaptive_avg_pool1d(source.transpose(1, 2), length).transpose(1, 2).to(x.device)


def stretch(x: Tensor) -> Tensor:
    """[B, T, C] to [B, 100, C], linearly."""
    return functional.interpolate(x.transpose(1, 2), FRAMES, mode="linear").transpose(1, 2)


def code_of(bits: Tensor) -> Tensor:
    """Bits as the unit vector they stand for."""
    return (2 * bits.float() - 1) / math.sqrt(BITS)


def quantize(features: Tensor) -> Tensor:
    """Bits of features, level by level. What is left for the next one is not normalized; a zero counts as minus."""
    left, bits = features, []
    for length in LEVELS:
        level = functional.normalize(pool(left, length), dim=-1) > 0
        bits.append(level)
        left = left - stretch(code_of(level))
    return torch.cat(bits, 1)


def dequantize(bits: Tensor) -> Tensor:
    """Return the features that bits stand for: the sum of their levels."""
    return sum((stretch(code_of(bits[:, span])) for span in SPANS), start=torch.zeros((), device=bits.device))


def coarser_features(bits: Tensor) -> Iterator[Tensor]:
    """For each level but the first: the sum of all coarser ones [B, length, 32], in its length."""
    total = torch.zeros((), device=bits.device)
    for span, length in zip(SPANS, LEVELS[1:], strict=False):
        total = total + stretch(code_of(bits[:, span]))
        yield pool(total, length)
