"""The style encoder: two seconds of somebody's motion to how that person talks.

Module names are those of the published state dict.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .codec import MOTION

STYLE_FRAMES = 50
"""Frames of a style, at 25 a second."""
STYLE = 128
"""Width of what comes out."""
_HEADS, _HIDDEN, _DEPTH, _POSITIONS = 4, 512, 4, 600


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.motion_proj = nn.Linear(MOTION, STYLE)
        layer = nn.TransformerEncoderLayer(STYLE, _HEADS, _HIDDEN, activation="gelu", batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, _DEPTH, enable_nested_tensor=False)


class _Positions(nn.Module):
    pe: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("pe", torch.zeros(1, _POSITIONS, STYLE))


class StyleEncoder(nn.Module):
    """Motion [B, 50, 106] to a style [B, 128]."""

    motion_mean: Tensor
    motion_std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("motion_mean", torch.zeros(MOTION))
        self.register_buffer("motion_std", torch.ones(MOTION))
        self.PE = _Positions()
        self.encoder = _Transformer()

    def forward(self, motion: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        x = self.encoder.motion_proj((motion - self.motion_mean) / self.motion_std)
        # The published model adds one position, that of the length, to every frame; its weights expect that.
        x = x + self.PE.pe[:, motion.shape[1]]
        return self.encoder.transformer(x).mean(1)
