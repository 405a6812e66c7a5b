"""Rasterizing on CUDA by a Triton kernel: no compiler is needed on the user's machine, only PyTorch's own Triton.

Projection and tile lists are the reference's tensor code; the kernel blends, one program a 16-pixel tile and group of
channels. `TRITON_INTERPRET=1` runs it on a CPU.
"""

from __future__ import annotations

import os

import torch
import triton
import triton.language as tl
from torch import Tensor

from .reference import MAX_ALPHA, MIN_ALPHA, MIN_TRANSMITTANCE, TILE, bin_by_tile, project

SPLATS_AT_ONCE = 16


def render(
    means: Tensor,
    covariances: Tensor,
    opacities: Tensor,
    features: Tensor,
    view: Tensor,
    focal: float,
    width: int,
    height: int,
    background: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Rasterizes without gradients; arguments and results as in `reference.render`, float32 on one CUDA device."""
    columns, rows, channels = triton.cdiv(width, TILE), triton.cdiv(height, TILE), features.shape[1]
    splats = project(means, covariances, view, focal, width, height)
    offsets, order = bin_by_tile(splats, columns * rows, columns)
    packed = torch.cat([splats.centers, splats.conics, opacities[:, None]], 1).contiguous()
    image = features.new_empty(height, width, channels)
    alpha = features.new_empty(height, width)
    group = 16 if channels <= 16 else 32
    _blend[(columns * rows, triton.cdiv(channels, group))](
        packed,
        features.contiguous(),
        offsets.int(),
        order.int(),
        image,
        alpha,
        width,
        height,
        columns,
        channels,
        CHANNEL_GROUP=group,
        SPLATS=SPLATS_AT_ONCE,
        TILE_EDGE=TILE,
        ALPHA_CAP=MAX_ALPHA,
        ALPHA_FLOOR=MIN_ALPHA,
        STOP=MIN_TRANSMITTANCE,
        num_warps=8,
    )
    if background is not None:
        image = image + (1 - alpha)[..., None] * background
    return image, alpha


@triton.jit
def _blend(
    packed,  # [N, 6] x, y, conic xx, xy, yy, opacity
    features,  # [N, channels]
    offsets,  # [tiles + 1] first list position of each tile
    order,  # [list] splats by tile, front to back
    image,  # [height, width, channels]
    alpha_out,  # [height, width]
    width,
    height,
    columns,
    channels,
    CHANNEL_GROUP: tl.constexpr,
    SPLATS: tl.constexpr,
    TILE_EDGE: tl.constexpr,
    ALPHA_CAP: tl.constexpr,
    ALPHA_FLOOR: tl.constexpr,
    STOP: tl.constexpr,
):
    tile, group = tl.program_id(0), tl.program_id(1)
    pixel = tl.arange(0, TILE_EDGE * TILE_EDGE)
    column = tile % columns * TILE_EDGE + pixel % TILE_EDGE
    row = tile // columns * TILE_EDGE + pixel // TILE_EDGE
    inside = (column < width) & (row < height)
    x, y = column.to(tl.float32) + 0.5, row.to(tl.float32) + 0.5
    channel = group * CHANNEL_GROUP + tl.arange(0, CHANNEL_GROUP)
    has_channel = channel < channels

    position, end = tl.load(offsets + tile), tl.load(offsets + tile + 1)
    transmittance = tl.where(inside, 1.0, 0.0)
    opacity_sum = tl.zeros([TILE_EDGE * TILE_EDGE], tl.float32)
    feature_sum = tl.zeros([TILE_EDGE * TILE_EDGE, CHANNEL_GROUP], tl.float32)
    while (position < end) & (tl.max(transmittance, 0) >= STOP):
        listed = position + tl.arange(0, SPLATS)
        valid = listed < end
        splat = tl.load(order + listed, mask=valid, other=0)
        center_x = tl.load(packed + splat * 6, mask=valid, other=0.0)
        center_y = tl.load(packed + splat * 6 + 1, mask=valid, other=0.0)
        xx = tl.load(packed + splat * 6 + 2, mask=valid, other=0.0)
        xy = tl.load(packed + splat * 6 + 3, mask=valid, other=0.0)
        yy = tl.load(packed + splat * 6 + 4, mask=valid, other=0.0)
        opacity = tl.load(packed + splat * 6 + 5, mask=valid, other=0.0)
        dx = center_x[None, :] - x[:, None]
        dy = center_y[None, :] - y[:, None]
        power = -0.5 * (xx[None, :] * dx * dx + yy[None, :] * dy * dy) - xy[None, :] * dx * dy
        alpha = tl.minimum(opacity[None, :] * tl.exp(tl.minimum(power, 0.0)), ALPHA_CAP)
        alpha = tl.where(alpha >= ALPHA_FLOOR, alpha, 0.0)
        after = transmittance[:, None] * tl.cumprod(1.0 - alpha, axis=1)
        # The cap keeps 1 - alpha away from zero, so what was before a splat follows from what is after it.
        weight = tl.where(after >= STOP, alpha * after / (1.0 - alpha), 0.0)
        rows_of_features = features + splat[:, None].to(tl.int64) * channels + channel[None, :]
        rows = tl.load(rows_of_features, mask=valid[:, None] & has_channel[None, :], other=0.0)
        feature_sum += tl.dot(weight, rows, input_precision="ieee")
        opacity_sum += tl.sum(weight, axis=1)
        transmittance = tl.min(after, axis=1)  # it never grows, so the least is the last
        position += SPLATS

    at = row.to(tl.int64) * width + column
    pointers = image + at[:, None] * channels + channel[None, :]
    tl.store(pointers, feature_sum, mask=inside[:, None] & has_channel[None, :])
    tl.store(alpha_out + at, opacity_sum, mask=inside & (group == 0))


def problem() -> str | None:
    """Why the kernel cannot run here; None if it can."""
    if not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
        return "PyTorch sees no CUDA device"
    try:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        one = torch.ones(1, 3, device=device)
        covariance = torch.tensor([[1.0, 0, 0, 1, 0, 1]], device=device)
        _, alpha = render(one, covariance, one[:, 0], one, torch.eye(3, 4, device=device), 16.0, 16, 16)
        return None if alpha.max().item() > 0 else "it drew nothing"
    except Exception as error:  # whatever a failing compiler or driver raises
        lines = str(error).strip().splitlines()
        return f"its kernel does not run ({type(error).__name__}: {lines[0] if lines else 'no message'})"
