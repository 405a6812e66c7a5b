"""The linear map from Gaussians' features to a picture, as a sparse matrix: for solving features from pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..types import Camera, Gaussians
from .covariance import symmetric_matrices
from .view import View

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_BLUR = 0.3
_MAX_ALPHA, _MIN_ALPHA = 0.99, 1 / 255
_MIN_TRANSMITTANCE = 1e-4
_NEAR_PLANE = 0.2


def blending_matrix(gaussians: Gaussians, camera: Camera, width: int, height: int) -> csr_matrix:
    """Weights [height * width, N] float32: the picture that `rasterize` draws is their product with the features.

    By the same rules (3D Gaussian Splatting, arXiv 2308.04079, eqs. 3 and 5), but for the Gaussians far outside of the
    view, whose projection is not held fixed. NumPy alone; some seconds for 10^5 Gaussians.
    """
    covers = coverage_matrix(gaussians, camera, width, height)
    passed = np.concatenate([[0.0], np.cumsum(np.log1p(-covers.data.astype(np.float64)))])
    before = np.exp(passed[:-1] - np.repeat(passed[covers.indptr[:-1]], np.diff(covers.indptr)))
    lit = before * (1 - covers.data) >= _MIN_TRANSMITTANCE
    covers.data = np.where(lit, covers.data * before, 0).astype(np.float32)
    return covers


def coverage_matrix(gaussians: Gaussians, camera: Camera, width: int, height: int) -> csr_matrix:
    """Alphas [height * width, N] float32 0..0.99 of each Gaussian alone; in each row the nearest come first."""
    from scipy.sparse import csr_matrix

    centers, conics, extents, depths = _project(gaussians, camera, width, height)
    limit = np.array([width, height])
    low = np.clip(np.ceil(centers - extents - 0.5), 0, limit).astype(np.int32)
    high = np.clip(np.floor(centers + extents - 0.5) + 1, 0, limit).astype(np.int32)
    span = np.where((depths > _NEAR_PLANE)[:, None], np.maximum(high - low, 0), 0)

    # The nearest splats first: the rows of their boxes, then the pixels of these.
    nearest = np.argsort(depths, kind="stable").astype(np.int32)
    owner = np.repeat(nearest, span[nearest, 1])
    line = low[owner, 1] + within(span[nearest, 1])
    dy = (centers[owner, 1] - 0.5 - line).astype(np.float32)
    xx, xy, yy = conics[owner].T
    count = span[owner, 0]
    splat, row = np.repeat(owner, count), np.repeat(line, count)
    column = np.repeat(low[owner, 0], count) + within(count)
    dx = np.repeat((centers[owner, 0] - 0.5).astype(np.float32), count) - column.astype(np.float32)
    exponent = np.repeat(-0.5 * xx, count) * dx - np.repeat(xy * dy, count)
    exponent = exponent * dx - np.repeat(0.5 * yy * dy * dy, count)
    alpha = np.repeat(gaussians.opacities[owner], count) * np.exp(np.minimum(exponent, 0))
    drawn = alpha >= _MIN_ALPHA
    splat, pixel = splat[drawn], (row * width + column)[drawn]
    alpha = np.minimum(alpha[drawn], _MAX_ALPHA).astype(np.float32)

    by_pixel = np.argsort(pixel.astype(np.int32), kind="stable")
    starts = np.searchsorted(pixel[by_pixel], np.arange(width * height + 1))
    columns = splat[by_pixel].astype(np.int32)
    return csr_matrix((alpha[by_pixel], columns, starts.astype(np.int32)), (width * height, len(gaussians)))


def within(counts: np.ndarray) -> np.ndarray:
    """[sum of counts] int32: 0, 1, ... for each of them."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0, dtype=np.int32) - np.repeat((ends - counts).astype(np.int32), counts)


def _project(
    gaussians: Gaussians, camera: Camera, width: int, height: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Centers [N, 2] in pixels, inverse covariances [N, 3], half sizes [N, 2] of what is drawn, and depths [N]."""
    view = View.of(camera, width, height)
    rotation, focal = view.transform[:, :3], view.focal
    points = gaussians.means @ rotation.T + view.transform[:, 3]
    x, y, z = points.T
    z = np.where(z > _NEAR_PLANE, z, 1)
    zero = np.zeros_like(z)
    J = np.stack([focal / z, zero, -focal * x / z**2, zero, focal / z, -focal * y / z**2], 1).reshape(-1, 2, 3)
    J = J @ rotation
    flat = J @ symmetric_matrices(gaussians.covariances) @ J.transpose(0, 2, 1)
    xx, xy, yy = flat[:, 0, 0] + _BLUR, flat[:, 0, 1], flat[:, 1, 1] + _BLUR
    conics = np.stack([yy, -xy, xx], 1) / (xx * yy - xy * xy)[:, None]
    reach = np.sqrt(2 * np.log(np.maximum(gaussians.opacities / _MIN_ALPHA, 1)))[:, None]
    centers = np.stack([focal * x / z + width / 2, focal * y / z + height / 2], 1)
    return centers, conics.astype(np.float32), reach * np.sqrt(np.stack([xx, yy], 1)), points[:, 2]
