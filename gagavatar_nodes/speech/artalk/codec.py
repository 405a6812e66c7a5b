"""The motion codec: 100 frames of FLAME motion to 181 tokens of 32 bits and back, by two transformers.

Module names are those of the published state dict.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .levels import BITS, FRAMES, dequantize, quantize

MOTION = 106
"""Numbers a frame: 100 of expression, then axis-angles of the head and of the jaw."""
_WIDTH, _HIDDEN, _HEADS, _DEPTH = 512, 768, 8, 8


class CodecAttention(nn.Module):
    """Pre-norm multi-head self-attention, scaled by the whole width rather than by a head's, as published."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(_WIDTH)
        self.to_qkv = nn.Linear(_WIDTH, 3 * _WIDTH, bias=False)
        self.to_out = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """[B, T, 512] to the same; `mask` [T, T] is added to the attention's logits."""
        q, k, v = self.to_qkv(self.norm(x)).unflatten(-1, (3, _HEADS, -1)).permute(2, 0, 3, 1, 4)  # [B, heads, T, 64]
        y = functional.scaled_dot_product_attention(q, k, v, mask, scale=_WIDTH**-0.5)
        return self.to_out(y.transpose(1, 2).flatten(2))


def _transformer() -> nn.ModuleList:
    """Attention and MLP in turn."""

    def mlp() -> nn.Module:
        return nn.Sequential(nn.Linear(_WIDTH, _HIDDEN), nn.GELU("tanh"), nn.Linear(_HIDDEN, _WIDTH))

    return nn.ModuleList(module for _ in range(_DEPTH) for module in (CodecAttention(), mlp()))


def _transform(layers: nn.ModuleList, x: Tensor, mask: Tensor | None = None) -> Tensor:
    for attention, mlp in zip(layers[::2], layers[1::2], strict=True):
        x = x + attention(x, mask)
        x = x + mlp(x)
    return x


def _input(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(channels, _WIDTH), nn.LeakyReLU(0.2))


class Encoder(nn.Module):
    """Motion [B, 100, 106] to features [B, 100, 32]."""

    def __init__(self) -> None:
        super().__init__()
        self.inp_mapping = _input(MOTION)
        self.encoder_transformer = _transformer()
        self.code_mapping = nn.Linear(_WIDTH, BITS)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        return self.code_mapping(_transform(self.encoder_transformer, self.inp_mapping(x)))


class Decoder(nn.Module):
    """Features [B, 200, 32] to motion [B, 200, 106]."""

    def __init__(self) -> None:
        super().__init__()
        self.inp_mapping = _input(BITS)
        self.decoder_transformer = _transformer()
        self.out_mapping = nn.Linear(_WIDTH, MOTION)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        return self.out_mapping(_transform(self.decoder_transformer, self.inp_mapping(x), mask))


class MotionCodec(nn.Module):
    """Motion to bits, and bits after bits to motion."""

    motion_mean: Tensor
    motion_std: Tensor
    attn_mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.enc_pos_embed = nn.Parameter(torch.zeros(1, 2 * FRAMES, MOTION))
        self.dec_pos_embed = nn.Parameter(torch.zeros(1, 2 * FRAMES, BITS))
        # In the checkpoint: the first 100 frames do not see the second 100.
        self.register_buffer("attn_mask", torch.zeros(1, 1, 2 * FRAMES, 2 * FRAMES))
        self.register_buffer("motion_mean", torch.zeros(MOTION))
        self.register_buffer("motion_std", torch.ones(MOTION))
        self.encoder = Encoder()
        self.decoder = Decoder()

    def features(self, motion: Tensor) -> Tensor:
        """Features [B, 100, 32] of motion [B, 100, 106], before quantizing."""
        normal = (motion - self.motion_mean) / self.motion_std
        return self.encoder(normal + self.enc_pos_embed[:, :FRAMES])

    def encode(self, motion: Tensor) -> Tensor:
        """Bits [B, 181, 32] of motion [B, 100, 106]."""
        return quantize(self.features(motion))

    def decode(self, previous: Tensor, bits: Tensor) -> Tensor:
        """Motion [B, 100, 106] of bits [B, 181, 32] that follow the `previous` ones."""
        return self.decode_both(previous, bits)[:, FRAMES:]

    def decode_both(self, previous: Tensor, bits: Tensor) -> Tensor:
        """Motion [B, 200, 106] of the previous bits and of those that follow."""
        features = torch.cat([dequantize(previous), dequantize(bits)], 1)
        normal = self.decoder(features + self.dec_pos_embed, self.attn_mask)
        return normal * self.motion_std + self.motion_mean
