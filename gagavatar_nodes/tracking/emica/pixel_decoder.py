"""Mask2Former's pixel decoder (Cheng et al. 2022), with the published tensor names.

Deformable attention over three scales ("Deformable DETR", Zhu et al. 2021) and one finer map.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import container
from .swin import WIDTHS

WIDTH = 256
"""Channels of every map that comes out."""
_LEVELS, _LAYERS, _HEADS, _POINTS, _HIDDEN, _GROUPS = 3, 6, 8, 4, 1024, 32
_TEMPERATURE = 10_000.0


class _DeformableAttention(nn.Module):
    """Every pixel of every scale looks at four points of each scale, which it chooses itself, in each of 8 heads."""

    def __init__(self) -> None:
        super().__init__()
        samples = _HEADS * _LEVELS * _POINTS
        self.sampling_offsets = nn.Linear(WIDTH, 2 * samples)
        self.attention_weights = nn.Linear(WIDTH, samples)
        self.value_proj, self.output_proj = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, query: Tensor, places: Tensor, shapes: list[tuple[int, int]]) -> Tensor:
        """Take x and query [B, N, 256], places [N, 2] x, y in 0..1 of pixels; `shapes` (height, width) of scales."""
        batch, count, _ = x.shape
        offsets = self.sampling_offsets(query).view(batch, count, _HEADS, _LEVELS, _POINTS, 2)
        weights = self.attention_weights(query).view(batch, count, _HEADS, -1).softmax(-1)
        values = self.value_proj(x).view(batch, count, _HEADS, -1).permute(0, 2, 3, 1).flatten(0, 1)
        sampled = []
        for level, part in enumerate(values.split([h * w for h, w in shapes], -1)):
            height, width = shapes[level]
            at = places[:, None, None] + offsets[:, :, :, level] / offsets.new_tensor([width, height])
            grid = (2 * at - 1).transpose(1, 2).flatten(0, 1)
            sampled.append(functional.grid_sample(part.unflatten(-1, (height, width)), grid, align_corners=False))
        weights = weights.transpose(1, 2).flatten(0, 1)[:, None]  # [B heads, 1, N, levels points]
        mixed = (torch.cat(sampled, -1) * weights).sum(-1)
        return self.output_proj(mixed.view(batch, WIDTH, count).transpose(1, 2))


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = _DeformableAttention()
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, _HIDDEN), nn.Linear(_HIDDEN, WIDTH)

    def forward(self, x: Tensor, position: Tensor, places: Tensor, shapes: list[tuple[int, int]]) -> Tensor:
        x = self.self_attn_layer_norm(x + self.self_attn(x, x + position, places, shapes))
        return self.final_layer_norm(x + self.fc2(self.fc1(x).relu()))


class PixelDecoder(nn.Module):
    """Maps of the backbone, finest first, -> maps [B, 256, H / s, W / s] with s of 32, 16, 8 and 4."""

    def __init__(self) -> None:
        super().__init__()
        self.level_embed = nn.Parameter(torch.zeros(_LEVELS, WIDTH))
        self.input_projections = nn.ModuleList(_convolution(width, 1, bias=True) for width in WIDTHS[:0:-1])
        self.encoder = container(layers=nn.ModuleList(_Layer() for _ in range(_LAYERS)))
        self.mask_projection = nn.Conv2d(WIDTH, WIDTH, 1)
        self.adapter_1, self.layer_1 = _convolution(WIDTHS[0], 1), _convolution(WIDTH, 3)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the module's output; see the class."""
        finest, *others = maps
        scales = [project(x) for project, x in zip(self.input_projections, others[::-1], strict=True)]
        shapes = [tuple(x.shape[2:]) for x in scales]
        levels = zip(shapes, self.level_embed, strict=True)
        position = torch.cat([_waves(*shape, finest) + level for shape, level in levels])
        places = torch.cat([_centers(*shape, finest) for shape in shapes])
        x = torch.cat([scale.flatten(2).transpose(1, 2) for scale in scales], 1)
        for layer in self.encoder.layers:
            x = layer(x, position, places, shapes)
        parts = x.transpose(1, 2).split([h * w for h, w in shapes], -1)
        decoded = [part.unflatten(-1, shape) for part, shape in zip(parts, shapes, strict=True)]
        near = self.adapter_1(finest)
        coarse = functional.interpolate(decoded[-1], near.shape[2:], mode="bilinear", align_corners=False)
        return [*decoded, self.mask_projection(self.layer_1(near + coarse).relu())]


def _convolution(channels: int, edge: int, bias: bool = False) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, WIDTH, edge, padding=edge // 2, bias=bias), nn.GroupNorm(_GROUPS, WIDTH)
    )  # fmt: skip


def _centers(height: int, width: int, like: Tensor) -> Tensor:
    """[H W, 2] x, y of the pixels' centers in 0..1."""
    y, x = (((torch.arange(n, device=like.device) + 0.5) / n).to(like.dtype) for n in (height, width))
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1).flatten(0, 1)


def _waves(height: int, width: int, like: Tensor) -> Tensor:
    """[H W, 256] sines and cosines of the row, then of the column, each counted from 1 and scaled to a full turn."""
    half = WIDTH // 2
    pair = torch.div(torch.arange(half, device=like.device), 2, rounding_mode="floor")
    wavelengths = _TEMPERATURE ** (2 * pair.to(like.dtype) / half)

    def encode(size: int) -> Tensor:
        turn = torch.arange(1, size + 1, device=like.device, dtype=like.dtype) / (size + 1e-6) * 2 * math.pi
        phases = turn[:, None] / wavelengths
        return torch.stack([phases[:, 0::2].sin(), phases[:, 1::2].cos()], -1).flatten(1)

    rows, columns = encode(height)[:, None], encode(width)[None]
    return torch.cat([rows.expand(-1, width, -1), columns.expand(height, -1, -1)], -1).flatten(0, 1)
