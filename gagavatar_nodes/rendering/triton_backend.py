"""Rasterizing on CUDA by a Triton kernel: no compiler is needed on the user's machine, only PyTorch's own Triton.

One kernel projects, one blends, a program for each 16-pixel tile and group of channels; the tiles' lists between them
are the reference's tensor code. `TRITON_INTERPRET=1` runs it on a CPU.
"""

from __future__ import annotations

import os

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..types import Gaussians
from .reference import (
    BLUR,
    FIELD_MARGIN,
    MAX_ALPHA,
    MIN_ALPHA,
    MIN_TRANSMITTANCE,
    NEAR_PLANE,
    TILE,
    bin_by_tile,
    probe,
)
from .view import View

SPLATS_AT_ONCE = 16
_PROJECTED_AT_ONCE = 128


def render(gaussians: Gaussians, view: View) -> tuple[Tensor, Tensor]:
    """Rasterize without gradients; arguments and results as in `reference.render`, float32 on one CUDA device."""
    means, features, width, height = gaussians.means, gaussians.features, view.width, view.height
    columns, rows, channels = triton.cdiv(width, TILE), triton.cdiv(height, TILE), features.shape[1]
    count = len(means)
    packed, depths = means.new_empty(count, 6), means.new_empty(count)
    tiles = torch.empty(count, 4, dtype=torch.int64, device=means.device)
    if count:
        _project[(triton.cdiv(count, _PROJECTED_AT_ONCE),)](
            means.contiguous(),
            gaussians.covariances.contiguous(),
            gaussians.opacities.contiguous(),
            means.new_tensor(view.transform).contiguous(),
            packed,
            depths,
            tiles,
            count,
            view.focal,
            width,
            height,
            columns,
            rows,
            SPLATS=_PROJECTED_AT_ONCE,
            NEAR=NEAR_PLANE,
            MARGIN=FIELD_MARGIN,
            BLUR=BLUR,
            TILE_EDGE=TILE,
        )
    offsets, order = bin_by_tile(depths, tiles, columns * rows, columns)
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
    if view.background is not None:
        image = image + (1 - alpha)[..., None] * view.background
    return image, alpha


@triton.jit
def _project(
    means,  # [N, 3]
    covariances,  # [N, 6]
    opacities,  # [N]
    view,  # [3, 4]
    packed,  # [N, 6] x, y, conic xx, xy, yy, opacity
    depths,  # [N]
    tiles,  # [N, 4] x0, y0, x1, y1
    count,
    focal,
    width,
    height,
    columns,
    rows,
    SPLATS: tl.constexpr,
    NEAR: tl.constexpr,
    MARGIN: tl.constexpr,
    BLUR: tl.constexpr,
    TILE_EDGE: tl.constexpr,
):
    """`reference.project`, one splat a lane."""
    splat = tl.program_id(0) * SPLATS + tl.arange(0, SPLATS)
    valid = splat < count
    r00, r01, r02, t0 = tl.load(view), tl.load(view + 1), tl.load(view + 2), tl.load(view + 3)
    r10, r11, r12, t1 = tl.load(view + 4), tl.load(view + 5), tl.load(view + 6), tl.load(view + 7)
    r20, r21, r22, t2 = tl.load(view + 8), tl.load(view + 9), tl.load(view + 10), tl.load(view + 11)
    x = tl.load(means + splat * 3, mask=valid, other=0.0)
    y = tl.load(means + splat * 3 + 1, mask=valid, other=0.0)
    z = tl.load(means + splat * 3 + 2, mask=valid, other=0.0)
    view_x, view_y = r00 * x + r01 * y + r02 * z + t0, r10 * x + r11 * y + r12 * z + t1
    depth = r20 * x + r21 * y + r22 * z + t2
    z = tl.where(depth > NEAR, depth, 1.0)
    limit_x, limit_y = MARGIN * width / (2 * focal), MARGIN * height / (2 * focal)
    scale = focal / z
    slope_x = -scale * tl.minimum(tl.maximum(view_x / z, -limit_x), limit_x)
    slope_y = -scale * tl.minimum(tl.maximum(view_y / z, -limit_y), limit_y)
    # Rows of the Jacobian times the rotation.
    a0, a1, a2 = scale * r00 + slope_x * r20, scale * r01 + slope_x * r21, scale * r02 + slope_x * r22
    b0, b1, b2 = scale * r10 + slope_y * r20, scale * r11 + slope_y * r21, scale * r12 + slope_y * r22
    s00 = tl.load(covariances + splat * 6, mask=valid, other=0.0)
    s01 = tl.load(covariances + splat * 6 + 1, mask=valid, other=0.0)
    s02 = tl.load(covariances + splat * 6 + 2, mask=valid, other=0.0)
    s11 = tl.load(covariances + splat * 6 + 3, mask=valid, other=0.0)
    s12 = tl.load(covariances + splat * 6 + 4, mask=valid, other=0.0)
    s22 = tl.load(covariances + splat * 6 + 5, mask=valid, other=0.0)
    u0, u1, u2 = s00 * a0 + s01 * a1 + s02 * a2, s01 * a0 + s11 * a1 + s12 * a2, s02 * a0 + s12 * a1 + s22 * a2
    v0, v1, v2 = s00 * b0 + s01 * b1 + s02 * b2, s01 * b0 + s11 * b1 + s12 * b2, s02 * b0 + s12 * b1 + s22 * b2
    xx, yy = a0 * u0 + a1 * u1 + a2 * u2 + BLUR, b0 * v0 + b1 * v1 + b2 * v2 + BLUR
    xy = b0 * u0 + b1 * u1 + b2 * u2
    determinant = xx * yy - xy * xy
    visible = valid & (depth > NEAR) & (determinant > 0) & (determinant < float("inf"))
    inverse = 1.0 / tl.where(visible, determinant, 1.0)
    center_x, center_y = focal * view_x / z + width / 2, focal * view_y / z + height / 2
    tl.store(packed + splat * 6, center_x, mask=valid)
    tl.store(packed + splat * 6 + 1, center_y, mask=valid)
    tl.store(packed + splat * 6 + 2, yy * inverse, mask=valid)
    tl.store(packed + splat * 6 + 3, -xy * inverse, mask=valid)
    tl.store(packed + splat * 6 + 4, xx * inverse, mask=valid)
    tl.store(packed + splat * 6 + 5, tl.load(opacities + splat, mask=valid, other=0.0), mask=valid)
    tl.store(depths + splat, depth, mask=valid)
    middle = (xx + yy) / 2
    radius = tl.ceil(3 * tl.sqrt(middle + tl.sqrt(tl.maximum(middle * middle - determinant, 0.1))))
    left, top = center_x - 0.5 - radius, center_y - 0.5 - radius
    far = 2 * radius + TILE_EDGE - 1
    x0 = tl.minimum(tl.maximum(left / TILE_EDGE, 0.0), columns).to(tl.int64)
    y0 = tl.minimum(tl.maximum(top / TILE_EDGE, 0.0), rows).to(tl.int64)
    x1 = tl.minimum(tl.maximum((left + far) / TILE_EDGE, 0.0), columns).to(tl.int64)
    y1 = tl.minimum(tl.maximum((top + far) / TILE_EDGE, 0.0), rows).to(tl.int64)
    tl.store(tiles + splat * 4, tl.where(visible, x0, 0), mask=valid)
    tl.store(tiles + splat * 4 + 1, tl.where(visible, y0, 0), mask=valid)
    tl.store(tiles + splat * 4 + 2, tl.where(visible, x1, 0), mask=valid)
    tl.store(tiles + splat * 4 + 3, tl.where(visible, y1, 0), mask=valid)


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
    """Return why the kernel cannot run here; None if it can."""
    if not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
        return "PyTorch sees no CUDA device"
    try:
        _, alpha = render(*probe("cuda" if torch.cuda.is_available() else "cpu"))
        return None if alpha.max().item() > 0 else "it drew nothing"
    except Exception as error:  # whatever a failing compiler or driver raises
        lines = str(error).strip().splitlines()
        return f"its kernel does not run ({type(error).__name__}: {lines[0] if lines else 'no message'})"
