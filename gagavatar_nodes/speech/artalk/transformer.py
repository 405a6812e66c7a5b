"""The autoregressive transformer's blocks: adaptive norms steered by sound, attention with a memory.

Module names are those of the published state dict. Tokens are [B, N, 768].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .audio_encoder import FEATURES
from .levels import BITS

WIDTH, DEPTH = 768, 12
_HEADS, _HIDDEN = 12, 3072
_LARGEST_SCALE = math.log(100)


@dataclass
class Memory:
    """Keys (normalized) and values [B, heads, N, 64] of the tokens that later ones may look at."""

    keys: Tensor
    values: Tensor

    def extend(self, other: Memory) -> None:
        """Append more tokens."""
        self.keys = torch.cat([self.keys, other.keys], 2)
        self.values = torch.cat([self.values, other.values], 2)


class MemoryAttention(nn.Module):
    """Attention by cosine similarity with a learned scale a head, over the memory and the tokens themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.scale_mul_1H11 = nn.Parameter(torch.zeros(1, _HEADS, 1, 1))
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH, bias=False)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def remember(self, x: Tensor) -> Memory:
        """Return what tokens leave for later ones."""
        return Memory(functional.normalize(_heads(self.key(x)), dim=-1), _heads(self.value(x)))

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Tokens to the same; they join the memory."""
        memory.extend(self.remember(x))
        scale = self.scale_mul_1H11.clamp_max(_LARGEST_SCALE).exp()
        q = functional.normalize(_heads(self.query(x)), dim=-1) * scale
        y = functional.scaled_dot_product_attention(q, memory.keys, memory.values, scale=1.0)
        return self.proj(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and MLP, both between adaptive norms."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = MemoryAttention()
        self.ffn = nn.Sequential(nn.Linear(WIDTH, _HIDDEN), nn.GELU("tanh"), nn.Linear(_HIDDEN, WIDTH))
        self.ada_lin = nn.Sequential(nn.SiLU(), nn.Linear(FEATURES, 6 * WIDTH))

    def forward(self, x: Tensor, sound: Tensor, memory: Memory) -> Tensor:
        """Tokens to the same, under the sound [B, N, 1024] of each; they join the memory."""
        gain_1, gain_2, scale_1, scale_2, shift_1, shift_2 = self.ada_lin(sound).chunk(6, -1)
        x = x + gain_1 * self.attn(_modulate(x, scale_1, shift_1), memory)
        return x + gain_2 * self.ffn(_modulate(x, scale_2, shift_2))


class HeadNorm(nn.Module):
    """The adaptive norm before the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.ada_lin = nn.Sequential(nn.SiLU(), nn.Linear(FEATURES, 2 * WIDTH))

    def forward(self, x: Tensor, sound: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        return _modulate(x, *self.ada_lin(sound).chunk(2, -1))


def bits_of(logits: Tensor) -> Tensor:
    """Return the likelier value of each bit: [B, N, 64] logits of 0 and 1 in turn to [B, N, 32] bool."""
    return logits.unflatten(-1, (BITS, 2)).argmax(-1).bool()


def _heads(x: Tensor) -> Tensor:
    """[B, N, 768] to [B, heads, N, 64]."""
    return x.unflatten(-1, (_HEADS, -1)).transpose(1, 2)


def _modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return functional.layer_norm(x, (WIDTH,), eps=1e-6) * (1 + scale) + shift
