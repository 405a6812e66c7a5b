"""Triangle meshes on a pixel grid: z-buffer, normals, surface samples."""

from __future__ import annotations

import numpy as np


def rasterize_mesh(
    points: np.ndarray, triangles: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest triangle under every pixel.

    Args:
        points: [V, 3] pixels x, y (centers at integers) and a depth that grows toward the viewer.
        triangles: [F, 3] indices of `points`.
        height: pixels.
        width: pixels.

    Returns:
        Triangle index [height, width] int64 (-1 where there is none), its barycentric coordinates [height, width, 3],
        and the depth [height, width] (-inf where there is none).
    """
    corners = points[triangles]
    ab, ac = corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2]
    area = ab[:, 0] * ac[:, 1] - ac[:, 0] * ab[:, 1]
    limit = np.array([width, height])
    low = np.clip(np.ceil(corners[..., :2].min(1)), 0, limit).astype(np.int64)
    high = np.clip(np.floor(corners[..., :2].max(1)) + 1, 0, limit).astype(np.int64)
    span = np.maximum(high - low, 0)
    count = span[:, 0] * span[:, 1] * (np.abs(area) > 1e-9)

    # One row for each pixel of each bounding box.
    face = np.repeat(np.arange(len(triangles)), count)
    step = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    pixel = low[face] + np.stack([step % span[face, 0], step // span[face, 0]], 1)
    weights = barycentric(pixel, corners[face, :, :2])
    inside = (weights >= -1e-6).all(1)
    face, pixel, weights = face[inside], pixel[inside], weights[inside]
    depth = (weights * corners[face, :, 2]).sum(1)

    # Later writes win, so the nearest fragment comes last.
    order = np.argsort(depth, kind="stable")
    flat = pixel[order, 1] * width + pixel[order, 0]
    index = np.full(height * width, -1)
    index[flat] = order
    hit = index >= 0
    out_face = np.full(height * width, -1)
    out_weights = np.zeros((height * width, 3))
    out_depth = np.full(height * width, -np.inf)
    out_face[hit], out_weights[hit], out_depth[hit] = face[index[hit]], weights[index[hit]], depth[index[hit]]
    return out_face.reshape(height, width), out_weights.reshape(height, width, 3), out_depth.reshape(height, width)


def barycentric(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Barycentric coordinates [N, 3] of `points` [N, 2] in triangles `corners` [N, 3, 2], inside or outside."""
    a = corners[:, 0]
    ab, ac, ap = corners[:, 1] - a, corners[:, 2] - a, points - a
    area = ab[:, 0] * ac[:, 1] - ac[:, 0] * ab[:, 1]
    area = np.where(np.abs(area) < 1e-12, 1e-12, area)
    v = (ap[:, 0] * ac[:, 1] - ac[:, 0] * ap[:, 1]) / area
    w = (ab[:, 0] * ap[:, 1] - ap[:, 0] * ab[:, 1]) / area
    return np.stack([1 - v - w, v, w], 1)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals [V, 3] of a mesh with counter-clockwise triangles."""
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, triangles[:, corner], normals)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def triangle_areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """[F] areas."""
    corners = vertices[triangles]
    areas: np.ndarray = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return areas / 2


def sample_surface(
    vertices: np.ndarray, triangles: np.ndarray, count: int, seed: int = 0, density: np.ndarray | float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Triangle indices [count] and barycentric coordinates [count, 3] of points spread evenly over a mesh's area.

    Or by the relative `density` [F] of its triangles.
    """
    area = triangle_areas(vertices, triangles) * density
    random = np.random.default_rng(seed)
    # Stratified along the cumulated area: fewer clumps and gaps than independent draws.
    where = (np.arange(count) + random.random(count)) / count * area.sum()
    face = np.minimum(np.searchsorted(np.cumsum(area), where), len(triangles) - 1)
    u, v = random.random((2, count))
    fold = u + v > 1
    u[fold], v[fold] = 1 - u[fold], 1 - v[fold]
    return face, np.stack([1 - u - v, u, v], 1)
