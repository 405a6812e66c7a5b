"""A plain software renderer: the CC0 head as a painted face that the landmark tracker recognizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .makehuman import Mesh

_CENTER = np.array([0, 7.2, 0.3])
_LIGHT = np.array([0.25, 0.45, 0.86])
_SKIN, _LIPS, _TEETH, _TONGUE = np.array([[205, 160, 135], [170, 70, 70], [240, 235, 220], [180, 80, 80]], float)
_SCLERA, _IRIS, _PUPIL = np.array([[235, 235, 230], [70, 45, 30], [10, 10, 10]], float)
_BACKGROUND = 200
_FAR = -1e9


@dataclass(frozen=True)
class Raster:
    """What each pixel shows."""

    triangles: np.ndarray
    """[S, S] index of the nearest triangle, -1 for none."""
    barycentric: np.ndarray
    """[S, S, 3]."""
    depth: np.ndarray
    """[S, S] float32, larger is nearer."""


def rasterize(points: np.ndarray, triangles: np.ndarray, size: int) -> Raster:
    """Z-buffer of `points` [V, 3] (pixels, z toward the viewer); of equal depths the first triangle stays."""
    ids = np.full((size, size), -1, np.int32)
    weights = np.zeros((size, size, 3), np.float32)
    depth = np.full((size, size), _FAR, np.float32)
    corners = points[triangles]
    low = np.maximum(np.ceil(corners[:, :, :2].min(1)), 0).astype(int)
    high = np.minimum(np.floor(corners[:, :, :2].max(1)), size - 1).astype(int)
    (ax, ay), (bx, by), (cx, cy) = corners[:, 0, :2].T, corners[:, 1, :2].T, corners[:, 2, :2].T
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    for i in np.flatnonzero((np.abs(area) > 1e-9) & (low <= high).all(1)):
        window = np.s_[low[i, 1] : high[i, 1] + 1, low[i, 0] : high[i, 0] + 1]
        y, x = np.ogrid[window]
        w1 = ((x - ax[i]) * (cy[i] - ay[i]) - (cx[i] - ax[i]) * (y - ay[i])) / area[i]
        w2 = ((bx[i] - ax[i]) * (y - ay[i]) - (x - ax[i]) * (by[i] - ay[i])) / area[i]
        w = np.stack(np.broadcast_arrays(1 - w1 - w2, w1, w2), -1)
        z = w @ corners[i, :, 2]
        seen = (w >= -1e-6).all(-1) & (z > depth[window])
        ids[window][seen], depth[window][seen], weights[window][seen] = i, z[seen], w[seen]
    return Raster(ids, weights, depth)


def project(vertices: np.ndarray, yaw: float, pitch: float, size: int, zoom: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [V, 3] of an orthographic view, `zoom` pixels a decimeter, and the head's rotation [3, 3]."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    rotation = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    x, y, z = ((vertices - _CENTER) @ rotation.T).T
    return np.stack([size / 2 + x * zoom, size / 2 - y * zoom, z], 1), rotation


class Painter:
    """Paints skin, lips, brows, eyes, teeth and tongue."""

    def __init__(self, mesh: Mesh, lips: np.ndarray) -> None:
        """`lips`: [H, W] uint8 mask in the mesh's texture coordinates."""
        self._mesh = mesh
        self._lips = lips
        self._eyes = [np.unique(mesh.triangles[mesh.parts == part]) for part in (1, 2)]

    def paint(self, vertices: np.ndarray, yaw: float, pitch: float, size: int, zoom: float) -> np.ndarray:
        """[size, size, 3] uint8 RGB of the head with these vertices."""
        mesh = self._mesh
        points, rotation = project(vertices, yaw, pitch, size, zoom)
        raster = rasterize(points, mesh.triangles, size)
        shown = raster.triangles >= 0
        ids, weights = raster.triangles[shown], raster.barycentric[shown]
        normals = _mix(_normals(vertices, mesh.triangles)[mesh.triangles[ids]] @ rotation.T, weights)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        light = np.clip(normals @ _LIGHT, 0, 1) * 0.75 + 0.3
        image = np.full((size, size, 3), _BACKGROUND, np.uint8)
        image[shown] = np.clip(self._colors(vertices, ids, weights) * light[:, None], 0, 255)
        return image

    def _colors(self, vertices: np.ndarray, ids: np.ndarray, weights: np.ndarray) -> np.ndarray:
        mesh = self._mesh
        position, parts = _mix(vertices[mesh.triangles[ids]], weights), mesh.parts[ids]
        lips = self._sample_lips(_mix(mesh.uv[mesh.uv_triangles[ids]], weights))[:, None]
        colors = _SKIN * (1 - lips) + lips * _LIPS
        for side, eye in enumerate(self._eyes):
            # The eyes keep the resting head's place: the paint must not slide when the head speaks.
            extent = mesh.vertices[eye]
            center, radius = (extent.max(0) + extent.min(0)) / 2, np.ptp(extent[:, 0]) / 2
            mine = parts == side + 1
            colors[mine] = _eye_colors(position[mine], center, radius)
        colors[(parts == 3) | (parts == 4)] = _TEETH
        colors[parts == 5] = _TONGUE
        for eye in self._eyes:
            extent = mesh.vertices[eye]
            center, radius = (extent.max(0) + extent.min(0)) / 2, np.ptp(extent[:, 0]) / 2
            colors[(parts == 0) & _on_brow(position, center, radius)] *= 0.35
        return colors

    def _sample_lips(self, uv: np.ndarray) -> np.ndarray:
        height, width = self._lips.shape
        row = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
        column = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
        return self._lips[row, column] / 255


def _eye_colors(position: np.ndarray, center: np.ndarray, radius: float) -> np.ndarray:
    distance = np.hypot(*(position - center)[:, :2].T)[:, None]
    return np.where(distance < radius * 0.18, _PUPIL, np.where(distance < radius * 0.42, _IRIS, _SCLERA))


def _on_brow(position: np.ndarray, center: np.ndarray, radius: float) -> np.ndarray:
    across = (position[:, 0] - center[0]) / radius
    arc = center[1] + radius * 1.45 - 0.18 * radius * across**2
    return (np.abs(across) < 1.5) & (np.abs(position[:, 1] - arc) < 0.22 * radius) & (position[:, 2] > 0.7)


def _normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    sums = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(sums, triangles[:, k], np.cross(b - a, c - a))
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


def _mix(corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (corners * weights[..., None]).sum(1)
