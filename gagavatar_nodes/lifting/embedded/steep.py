"""Splats that the portrait saw from their side: which ones give way, and when, to the skin under them."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import binary_fill_holes, distance_transform_edt
from scipy.spatial import cKDTree

from ...easing import ramp, smoothstep
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
_MIRRORED = (0.15, 0.4)  # how much more the mirrored place must face the camera for its colors to be known
_SLOWLY = 3.0  # times as far a head turns until splats over unknown skin have given way
_EDGE_CM, _COVERED_CM = (0.4, 0.9), (1.2, 2.0)  # inward of a face's edge, and of the outline of all that covers it


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
        Rows [S], canonical normals [S, 3], shorter for those that give way slowly, and cosines [S] to the camera, as
        much less, beyond which they give way.
    """
    grid = _Grid(rest, len(normals))
    # By area: a narrow contour is a wide side.
    slopes = normals / np.maximum(normals[:, 2:], _LEAST_COSINE)
    even = grid.smooth(np.column_stack([slopes, layer.colors[: len(normals)]]))
    normals = even[:, :3] / np.linalg.norm(even[:, :3], axis=1, keepdims=True)
    outline, covered = 1 - ramp(grid.inward, *OUTLINE_CM), ramp(grid.inward, *_COVERED_CM)
    low, high = STEEP
    rows = np.flatnonzero(normals[:, 2] < np.where(outline > 0, 1, high))
    canonical, facing = normals[rows] @ rotation, normals[rows, 2]
    gap, under = _gap(rows, canonical, normals[rows], rest, layer)
    # Those give way later, up to not at all, that face the camera or have little behind: no edge in between.
    held = np.ones(len(normals))
    held[rows] = np.where(layer.head[rows] > 0.5, ramp(gap, *_NEAR_CM), 1)
    # A face's sides do as what lies beside them: long hair would be left in rags by a cheek that went without it.
    edge = 1 - ramp(grid.inward_of(on_face), *_EDGE_CM)
    beside = grid.smooth(held[:, None], ~on_face)[:, 0]
    aside = _aside(canonical)
    held = np.where(on_face[rows], (covered * edge * beside)[rows] * aside, held[rows])
    # An outline gives way sooner, most where it has another color than the skin under it, as a rim of light has.
    unlike = smoothstep(ramp(np.abs(even[rows, 3:] - under).max(1), *_UNLIKE))
    later = np.maximum(facing - low, 0) * (1 - outline[rows] * unlike)
    beyond = facing + later + held - _SOONER * outline[rows]
    # The portrait itself, stretched, is better than a side whose mirrored one it did not see either.
    unknown = aside * (1 - ramp(canonical * [-1, 1, 1] @ rotation[2] - facing, *_MIRRORED))
    slowly = 1 + (_SLOWLY - 1) * unknown * (covered * (1 - edge + edge * beside))[rows]
    ever = beyond < 1 - TURN[0]
    beyond = np.maximum((beyond + TURN[0]) / slowly - TURN[0], 0)
    return rows[ever], (canonical / slowly[:, None])[ever].astype(np.float32), beyond[ever]


def _aside(normals: np.ndarray) -> np.ndarray:
    """[K] 0..1 how far canonical normals [K, 3] look to a side, and not up or down as a chin does over its throat."""
    squares = np.square(normals[:, :2])
    return smoothstep(2 * squares[:, 0] / np.maximum(squares.sum(1), 1e-9))


class _Grid:
    """Splats [3, N] as the portrait saw them, the first L of lattices."""

    inward: np.ndarray
    """[L] centimeters from the outline of all splats."""

    def __init__(self, rest: np.ndarray, lattice: int) -> None:
        places = rest[:2] * np.float32(_CELLS / _EVEN_CM)
        self._cells = np.round(places - places.min(1, keepdims=True)).astype(int) + 3 * _CELLS
        self._shape = tuple(self._cells.max(1) + 3 * _CELLS)
        self._lattice = self._cells[0, :lattice], self._cells[1, :lattice]
        self.inward = self._inward(self._filled(self._cells))

    def smooth(self, values: np.ndarray, of: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Values [L, C] as smooth as the face, those of some splats alone; 0 far from all of them.

        Between a mesh's triangles splats would give way in rags.
        """
        sums = np.zeros((*self._shape, values.shape[1] + 1), np.float32)
        column, row = self._lattice
        np.add.at(sums, (column[of], row[of]), np.column_stack([values, np.ones(len(values))]).astype(np.float32)[of])
        near = np.stack([cv2.GaussianBlur(channel, (0, 0), _CELLS) for channel in np.moveaxis(sums, -1, 0)], -1)
        near = near[self._lattice]
        mean: np.ndarray = near[:, :-1] / np.maximum(near[:, -1:], 1e-9)
        return mean

    def inward_of(self, some: np.ndarray) -> np.ndarray:
        """[L] centimeters from the outline of the lattices' splats `some` [L], whose holes are filled; 0 outside."""
        return self._inward(binary_fill_holes(self._filled(np.stack(self._lattice)[:, some])))

    def _filled(self, cells: np.ndarray) -> np.ndarray:
        filled = np.zeros(self._shape, np.uint8)
        filled[tuple(cells)] = 1
        return cv2.morphologyEx(filled, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))

    def _inward(self, area: np.ndarray) -> np.ndarray:
        inward: np.ndarray = distance_transform_edt(area)[self._lattice] * (_EVEN_CM / _CELLS)
        return inward


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
