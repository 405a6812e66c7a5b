"""Swin-T ("Swin Transformer", Liu et al. 2021) as a pyramid of four feature maps, with the published tensor names."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import container

WIDTHS, DEPTHS, HEADS = (96, 192, 384, 768), (2, 2, 6, 2), (3, 6, 12, 24)
_PATCH, _WINDOW = 4, 7
_APART = -100.0
"""Added to the scores of pixels that are neighbors only because the map was rolled."""


class _Attention(nn.Module):
    """Self-attention of the 49 pixels of each window, [windows, 49, C], with a learned bias for each offset."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        table = (2 * _WINDOW - 1) ** 2
        self.relative_position_bias_table = nn.Parameter(torch.zeros(table, heads))
        self.register_buffer("relative_position_index", torch.zeros(_WINDOW**2, _WINDOW**2, dtype=torch.int64))
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x: Tensor, apart: Tensor | None) -> Tensor:
        count, pixels, width = x.shape
        q, k, v = (
            layer(x).view(count, pixels, self.heads, width // self.heads).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        scores = q @ k.transpose(2, 3) / math.sqrt(width // self.heads)
        scores = scores + self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        if apart is not None:
            scores = (scores.view(-1, len(apart), self.heads, pixels, pixels) + apart[:, None]).view_as(scores)
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(count, pixels, width)


class _Block(nn.Module):
    """Attention in windows, of the map rolled by `shift`, and a perceptron; maps are [B, H, W, C]."""

    def __init__(self, width: int, heads: int, shift: int) -> None:
        super().__init__()
        self.shift = shift
        self.layernorm_before, self.layernorm_after = nn.LayerNorm(width), nn.LayerNorm(width)
        attention = {"self": _Attention(width, heads), "output": container(dense=nn.Linear(width, width))}
        self.attention = container(**attention)
        self.intermediate = container(dense=nn.Linear(width, 4 * width))
        self.output = container(dense=nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._attend(self.layernorm_before(x))
        hidden = functional.gelu(self.intermediate.dense(self.layernorm_after(x)))
        return x + self.output.dense(hidden)

    def _attend(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        x = functional.pad(x, (0, 0, 0, -width % _WINDOW, 0, -height % _WINDOW))
        rolled = torch.roll(x, (-self.shift, -self.shift), (1, 2)) if self.shift else x
        apart = _apart(x.shape[1], x.shape[2], self.shift, x) if self.shift else None
        attention = self.attention.self
        windows = self.attention.output.dense(attention(_windows(rolled), apart))
        back = _merge_windows(windows, x.shape)
        back = torch.roll(back, (self.shift, self.shift), (1, 2)) if self.shift else back
        return back[:, :height, :width]


class _Merging(nn.Module):
    """Four neighbors become one pixel of twice the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        corners = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(corners, -1)))


class _Stage(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, last: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(width, heads, _WINDOW // 2 * (index % 2)) for index in range(depth))
        self.downsample = None if last else _Merging(width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return this stage's map, and what the next one takes."""
        for block in self.blocks:
            x = block(x)
        return x, x if self.downsample is None else self.downsample(x)


class SwinTiny(nn.Module):
    """[B, 3, H, W] -> maps [B, C, H / s, W / s] with C of `WIDTHS` and s of 4, 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        projection = nn.Conv2d(3, WIDTHS[0], _PATCH, _PATCH)
        self.embeddings = container(patch_embeddings=container(projection=projection), norm=nn.LayerNorm(WIDTHS[0]))
        stages = zip(WIDTHS, DEPTHS, HEADS, strict=True)
        self.encoder = container(layers=nn.ModuleList(_Stage(*sizes, last=sizes[0] == WIDTHS[-1]) for sizes in stages))
        self.hidden_states_norms = nn.ModuleDict({f"stage{n}": nn.LayerNorm(w) for n, w in enumerate(WIDTHS, 1)})

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the module's output; see the class."""
        x = functional.pad(x, (0, -x.shape[3] % _PATCH, 0, -x.shape[2] % _PATCH))
        x = self.embeddings.norm(self.embeddings.patch_embeddings.projection(x).permute(0, 2, 3, 1))
        maps = []
        for stage, norm in zip(self.encoder.layers, self.hidden_states_norms.values(), strict=True):
            seen, x = stage(x)
            maps.append(norm(seen).permute(0, 3, 1, 2))
        return maps


def _windows(x: Tensor) -> Tensor:
    """[B, H, W, C] -> [windows, 49, C]."""
    batch, height, width, channels = x.shape
    x = x.view(batch, height // _WINDOW, _WINDOW, width // _WINDOW, _WINDOW, channels)
    return x.transpose(2, 3).reshape(-1, _WINDOW**2, channels)


def _merge_windows(windows: Tensor, shape: torch.Size) -> Tensor:
    batch, height, width, channels = shape
    x = windows.view(batch, height // _WINDOW, width // _WINDOW, _WINDOW, _WINDOW, channels)
    return x.transpose(2, 3).reshape(shape)


def _apart(height: int, width: int, shift: int, like: Tensor) -> Tensor:
    """[windows, 49, 49] what keeps pixels apart that rolling brought into one window."""

    def part(size: int) -> Tensor:
        place = torch.arange(size, device=like.device)
        return (place >= size - _WINDOW).long() + (place >= size - shift).long()

    parts = _windows((3 * part(height)[:, None] + part(width))[None, :, :, None])[..., 0]
    return (parts[:, :, None] != parts[:, None]).to(like.dtype) * _APART
