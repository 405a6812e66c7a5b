"""Splats that the portrait saw from their side: which ones give way, and when, to the skin under them."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from ...easing import smoothstep
from ...rendering.covariance import symmetric_matrices
from .layer import Layer

TURN = (0.06, 0.22)
"""Growth of a normal's cosine to the camera, over what is asked of it, within which a splat's pixels give way."""

OUTLINE_CM = (0.5, 1.2)
"""How far inside of an outline colors may be those of a rim of light, up to surely and at most."""

STEEP = (0.3, 0.6)
"""Cosines to the camera under which the portrait saw a surface from its side; the less, the sooner it gives way."""

_UNDER_CM, _NEAR_CM, _OPAQUE = 0.4, (0.8, 1.6), 0.9  # how far under them the head's surface must be
_ASLANT_CM = 3.0  # times 0 for a surface of the same slope to 1/2 for one at a right angle
_EVEN_CM, _CELLS = 0.35, 3  # standard deviation over which normals are smooth, and cells of it
_LEAST_COSINE = 0.2  # whose surface is not taken for still larger
_UNLIKE, _SOONER = (0.06, 0.16), 0.05  # differences of colors, and how much sooner an outline goes: at rest it stays


def steep_splats(
    layer: Layer, rest: np.ndarray, normals: np.ndarray, on_face: np.ndarray, rotation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the splats that give way when the head turns them to the camera.

    Args:
        layer: of N splats, the first L of lattices.
        rest: [3, N] their places on the stage.
        normals: [L, 3] on the stage, toward the camera.
        on_face: [L] bool, inside of the landmarks' mesh.
        rotation: [3, 3] of the head on the stage.

    Returns:
        Rows [S], canonical normals [S, 3], and cosines [S] to the camera beyond which they give way.
    """
    # By area: a narrow contour is a wide side.
    slopes = normals / np.maximum(normals[:, 2:], _LEAST_COSINE)
    even, outline = _even(np.column_stack([slopes, layer.colors[: len(normals)]]), rest)
    normals = even[:, :3] / np.linalg.norm(even[:, :3], axis=1, keepdims=True)
    low, high = STEEP
    rows = np.flatnonzero(normals[:, 2] < np.where(outline > 0, 1, high))
    gap, under = _gap(rows, normals[rows] @ rotation, normals[rows], rest, layer)
    gap = np.where(on_face[rows], 0, np.where(layer.head[rows] > 0.5, gap, np.inf))
    # Those give way later, up to not at all, that face the camera or have little behind: no edge in between.
    facing = normals[rows, 2]
    held = np.clip((gap - _NEAR_CM[0]) / (_NEAR_CM[1] - _NEAR_CM[0]), 0, 1)
    # An outline gives way sooner, most where it has another color than the skin under it, as a rim of light has.
    same, other = _UNLIKE
    unlike = smoothstep((np.abs(even[rows, 3:] - under).max(1) - same) / (other - same))
    later = np.maximum(facing - low, 0) * (1 - outline[rows] * unlike)
    beyond = facing + later + held - _SOONER * outline[rows]
    ever = beyond < 1 - TURN[0]
    return rows[ever], (normals[rows[ever]] @ rotation).astype(np.float32), beyond[ever]


def _even(values: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values [L, C] as smooth as the face: between a mesh's triangles splats would give way in rags.

    And [L] 0..1 how close they are to the outline of all splats [3, N].
    """
    places = rest[:2] * np.float32(_CELLS / _EVEN_CM)
    column, row = np.round(places - places.min(1, keepdims=True)).astype(int) + 3 * _CELLS
    shape = row.max() + 3 * _CELLS, column.max() + 3 * _CELLS
    front = row[: len(values)], column[: len(values)]
    sums = np.zeros((*shape, values.shape[1] + 1), np.float32)
    np.add.at(sums, front, np.column_stack([values, np.ones(len(values))]).astype(np.float32))
    mean = np.stack([cv2.GaussianBlur(channel, (0, 0), _CELLS) for channel in np.moveaxis(sums, -1, 0)], -1)[front]
    filled = np.zeros(shape, np.uint8)
    filled[row, column] = 1
    filled = cv2.morphologyEx(filled, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    near, far = OUTLINE_CM
    distance = distance_transform_edt(filled)[front] * (_EVEN_CM / _CELLS)
    return mean[:, :-1] / mean[:, -1:], np.clip((far - distance) / (far - near), 0, 1)


def _gap(
    rows: np.ndarray, canonical: np.ndarray, normals: np.ndarray, rest: np.ndarray, layer: Layer
) -> tuple[np.ndarray, np.ndarray]:
    """[K] centimeters from under lattice splats to the head's own surface, which are discs, and [K, 3] its colors.

    The splats' normals are `normals` [K, 3] on the stage, `canonical` [K, 3] on the head.
    """
    lattice = layer.lattice
    discs = lattice + np.flatnonzero(layer.opacities[lattice:] > _OPAQUE)
    if not len(discs) or not len(rows):
        return np.full(len(rows), np.inf), np.zeros((len(rows), 3))
    distance, nearest = cKDTree(rest[:, discs].T).query(rest[:, rows].T - _UNDER_CM * normals)
    shapes = symmetric_matrices(layer.covariances[discs[nearest]].astype(np.float64))
    across = np.einsum("ki,kij,kj->k", canonical, shapes, canonical) / np.trace(shapes, axis1=1, axis2=2)
    # What bridges a valley has another slope than the head under it.
    return distance + _ASLANT_CM * across, layer.colors[discs[nearest]]
