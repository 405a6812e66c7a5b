"""The rasterizer in plain PyTorch: the definition that the other backends are compared with.

Semantics of the published rasterizer (3D Gaussian Splatting, arXiv 2308.04079, with N feature channels), except that
Gaussians whose projected covariance has no positive determinant are dropped instead of drawn as noise. Differentiable
in means, covariances, opacities, features and background; works in float32 and float64, on any device.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..types import Gaussians
from .covariance import symmetric_matrices
from .view import View

NEAR_PLANE = 0.2
FIELD_MARGIN = 1.3
"""Beyond this multiple of the field of view the Jacobian is held fixed."""
BLUR = 0.3
"""Pixels^2 added to the diagonal of the projected covariance."""
MAX_ALPHA = 0.99
MIN_ALPHA = 1 / 255
MIN_TRANSMITTANCE = 1e-4
TILE = 16
PAIRS_AT_ONCE = 4_000_000
"""(splat, pixel) pairs blended together; bounds the memory where no gradient is kept."""


class Splats(NamedTuple):
    """Gaussians projected to the image."""

    centers: Tensor
    """[N, 2] pixels, pixel centers at halves."""
    conics: Tensor
    """[N, 3] inverse covariance: xx, xy, yy."""
    depths: Tensor
    """[N] view depth, float32."""
    tiles: Tensor
    """[N, 4] x0, y0, x1, y1 of the covered tiles, end exclusive; empty where invisible."""


def render(gaussians: Gaussians, view: View) -> tuple[Tensor, Tensor]:
    """Rasterize tensors of one dtype and device.

    Returns:
        image [height, width, C] and alpha [height, width].
    """
    width, height = view.width, view.height
    splats = project(gaussians, view)
    offsets, order = bin_by_tile(splats.depths, splats.tiles, _tiles(width) * _tiles(height), _tiles(width))
    image, alpha = blend(splats, gaussians.opacities, gaussians.features, offsets, order, width, height)
    if view.background is not None:
        image = image + (1 - alpha)[..., None] * view.background
    return image, alpha


def probe(device: str) -> tuple[Gaussians, View]:
    """Return a Gaussian in the middle of a small picture: whoever draws it can run."""
    one = torch.ones(1, 3, device=device)
    covariance = torch.tensor([[1.0, 0, 0, 1, 0, 1]], device=device)
    return Gaussians(one, covariance, one[:, 0], one), View(np.eye(3, 4), 16.0, 16, 16)


def project(gaussians: Gaussians, view: View) -> Splats:
    """Project by EWA (Zwicker et al. 2002) and find the tiles that each splat covers."""
    focal, width, height = view.focal, view.width, view.height
    transform = gaussians.means.new_tensor(view.transform)
    R, t = transform[:, :3], transform[:, 3]
    points = gaussians.means @ R.T + t
    x, y, depths = points.unbind(1)
    z = torch.where(depths > NEAR_PLANE, depths, 1)
    limit_x, limit_y = FIELD_MARGIN * width / (2 * focal), FIELD_MARGIN * height / (2 * focal)
    zero = torch.zeros_like(z)
    to_x = torch.stack([focal / z, zero, -focal / z * (x / z).clamp(-limit_x, limit_x)], 1)
    to_y = torch.stack([zero, focal / z, -focal / z * (y / z).clamp(-limit_y, limit_y)], 1)
    JR = torch.stack([to_x, to_y], 1) @ R
    sigma = symmetric_matrices(gaussians.covariances)
    half = (JR[:, :, None] * sigma[:, None]).sum(-1)  # by elements: GPUs multiply heaps of tiny matrices slowly
    xx, xy, yy = ((half[:, i] * JR[:, j]).sum(-1) for i, j in ((0, 0), (0, 1), (1, 1)))
    xx, yy = xx + BLUR, yy + BLUR
    determinants = xx * yy - xy * xy
    visible = (depths > NEAR_PLANE) & (determinants > 0) & determinants.isfinite()
    centers = torch.stack([focal * x / z + width / 2, focal * y / z + height / 2], 1)
    conics = torch.stack([yy, -xy, xx], 1) / torch.where(visible, determinants, 1)[:, None]
    with torch.no_grad():
        middle = (xx + yy) / 2
        radii = torch.ceil(3 * torch.sqrt(middle + torch.sqrt((middle**2 - determinants).clamp_min(0.1))))
        corner = centers - 0.5  # the published tile test counts pixel centers at integers
        limits = torch.tensor([_tiles(width), _tiles(height)], device=centers.device)
        low = torch.trunc((corner - radii[:, None]) / TILE).nan_to_num().clamp(limits * 0, limits)
        high = torch.trunc((corner + radii[:, None] + TILE - 1) / TILE).nan_to_num().clamp(limits * 0, limits)
        tiles = torch.cat([low, torch.where(visible[:, None], high, low)], 1).long()
    return Splats(centers, conics, depths.detach().float(), tiles)


@torch.no_grad()
def bin_by_tile(depths: Tensor, tiles: Tensor, tile_count: int, columns: int) -> tuple[Tensor, Tensor]:
    """Return lists of splats by tile, front to back: `order[offsets[i]:offsets[i + 1]]` are those of tile i.

    `depths` and `tiles` are those of `Splats`.
    """
    x0, y0, x1, y1 = tiles.unbind(1)
    widths = x1 - x0
    counts = widths * (y1 - y0)
    nearest_first = torch.argsort(depths, stable=True)
    counts_sorted = counts[nearest_first]
    ends = counts_sorted.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0  # the only time that a GPU is waited for
    entry = torch.repeat_interleave(torch.arange(len(ends), device=ends.device), counts_sorted, output_size=total)
    splat = nearest_first[entry]
    within = torch.arange(total, device=ends.device) - (ends - counts_sorted)[entry]
    row = torch.div(within, widths[splat], rounding_mode="floor")
    tile = (y0[splat] + row) * columns + x0[splat] + within - row * widths[splat]
    tile, by_tile = torch.sort(tile, stable=True)
    offsets = torch.searchsorted(tile, torch.arange(tile_count + 1, device=tile.device))
    return offsets, splat[by_tile]


def blend(
    splats: Splats, opacities: Tensor, features: Tensor, offsets: Tensor, order: Tensor, width: int, height: int
) -> tuple[Tensor, Tensor]:
    """Composite front to back, batches of tiles with similarly long lists together."""
    columns, rows, channels = _tiles(width), _tiles(height), features.shape[1]
    colors = [features.new_zeros(0, TILE * TILE, channels)]
    alphas = [features.new_zeros(0, TILE * TILE)]
    done = [offsets.new_zeros(0)]
    for tiles, longest in _batches(offsets):
        position = offsets[tiles][:, None] + torch.arange(longest, device=offsets.device)
        listed = position < offsets[tiles + 1][:, None]
        splat = order[position.clamp_max(len(order) - 1)]
        alpha = _pixel_alphas(splats, splat, opacities[splat] * listed, tiles, columns)
        after = torch.cumprod(1 - alpha, 1)
        before = torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], 1)
        # Transmittance never grows: the first splat that would bring a pixel under the minimum ends it for good.
        weights = alpha * before * (after >= MIN_TRANSMITTANCE)
        colors.append(weights.transpose(1, 2) @ features[splat])
        alphas.append(weights.sum(1))
        done.append(tiles)
    where = torch.cat(done)
    image = features.new_zeros(rows * columns, TILE * TILE, channels).index_copy(0, where, torch.cat(colors))
    alpha = features.new_zeros(rows * columns, TILE * TILE).index_copy(0, where, torch.cat(alphas))
    image = (
        image.view(rows, columns, TILE, TILE, channels).transpose(1, 2).reshape(rows * TILE, columns * TILE, channels)
    )
    alpha = alpha.view(rows, columns, TILE, TILE).transpose(1, 2).reshape(rows * TILE, columns * TILE)
    return image[:height, :width].contiguous(), alpha[:height, :width].contiguous()


def _pixel_alphas(splats: Splats, splat: Tensor, opacities: Tensor, tiles: Tensor, columns: int) -> Tensor:
    """Return alpha of [tiles, list] splats at the pixels of their tiles, [tiles, list, 256]."""
    pixel = torch.arange(TILE, device=splat.device) + 0.5
    centers, conics = splats.centers[splat], splats.conics[splat]
    tile_x, tile_y = tiles % columns * TILE, torch.div(tiles, columns, rounding_mode="floor") * TILE
    dx = (centers[..., 0] - tile_x[:, None])[..., None] - pixel
    dy = (centers[..., 1] - tile_y[:, None])[..., None] - pixel
    xx, xy, yy = (conics[..., i, None] for i in range(3))
    # Rows and columns apart as far as they go: only the last steps take 256 values a splat.
    across, down = -0.5 * xx * dx * dx, -0.5 * yy * dy * dy
    power = torch.addcmul(across[..., None, :] + down[..., None], dy[..., None], (xy * dx)[..., None, :], value=-1)
    alpha = (opacities[..., None, None] * torch.exp(power.clamp_max(0))).clamp_max(MAX_ALPHA)
    return torch.where(alpha >= MIN_ALPHA, alpha, 0).flatten(2)


def _batches(offsets: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Group tiles by the length of their lists: (tiles, longest list)."""
    lengths = offsets.diff()
    tiles = torch.argsort(lengths)
    tiles = tiles[lengths[tiles] > 0]
    sizes = lengths[tiles].tolist()
    begin = 0
    while begin < len(sizes):
        end = begin + 1
        while end < len(sizes) and (end + 1 - begin) * sizes[end] * TILE * TILE <= PAIRS_AT_ONCE:
            end += 1
        yield tiles[begin:end], sizes[end - 1]
        begin = end


def _tiles(pixels: int) -> int:
    return -(-pixels // TILE)
