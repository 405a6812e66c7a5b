"""Pose a layer: where its splats are, and how the surface they lie on stretches and turns them.

Coordinates are kept apart, [3, N] and [6, N]: every step is then a few passes over contiguous memory, which is several
times faster than products of small matrices.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from ...driving.retarget import HeadPlacement
from ...export.rig import torso_follow, torso_way
from ...face.pose import NECK_PIVOT
from ...rendering.covariance import UPPER_TRIANGLE, symmetric_matrices, upper_triangles
from ...types import HEAD_UNITS_PER_CM
from .binding import CONTROLS, LANDMARKS
from .layer import Layer
from .stage import Stage
from .steep import TURN, steep_splats
from .torso import torso_ends

SIGMA = 0.5
"""Standard deviation of a lattice splat, in distances between neighbors: smooth without blurring the portrait."""
_MOST_STRETCH = 2.5  # a splat grows no longer than this many rest lengths; the layer under it shows instead
_LEAST_WEIGHT = 1e-3  # of a binding; controls move by a centimeter or two
_BLOCK = 4096  # discs at once: BLAS would call threads for more, which spin long after so small a product


class Poser:
    """What posing a layer needs, prepared once."""

    points: np.ndarray
    """[3, N] float32 canonical."""
    weights: csr_matrix
    """[N, CONTROLS] of the bindings."""

    def __init__(self, layer: Layer, stage: Stage) -> None:
        self.points = np.ascontiguousarray(layer.points.T)
        self.weights = _sparse(layer)
        self._stage = stage
        self._head = layer.head
        self._rest = np.ascontiguousarray(stage.from_canonical(layer.points.astype(np.float64)).T, np.float32)
        follow = torso_follow(self._rest.T, layer.head, torso_ends(layer, stage), stage.distance)
        self._torso = np.ascontiguousarray(follow.T, np.float32)
        self._lattice = layer.lattice
        self._sides = np.ascontiguousarray(layer.neighbors[: self._lattice].T, np.intp)
        self._thickness = np.ascontiguousarray(layer.covariances[: self._lattice].T)
        self._discs = layer.covariances[self._lattice :]
        self._factors, self._limits = self._spans()
        inside = (layer.binding.weights[:, :3].sum(1) > 0.999) & (layer.binding.weights[:, 3] == 0)
        on_face = inside & (layer.binding.controls < LANDMARKS).all(1)
        self._steep, self._normals, self._facing = steep_splats(
            layer, self._rest, self._normals_at_rest(), on_face[: self._lattice], stage.rotation
        )

    @property
    def steep(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the splats that the portrait saw from their side.

        Their rows [S], their normals [S, 3] in canonical space, shorter for those that give way slowly, and the
        cosines [S] to the camera, as much less, beyond which they do.
        """
        return self._steep, self._normals, self._facing

    def pose(self, points: np.ndarray, placement: HeadPlacement) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return canonical points [3, N] under a pose.

        Means [N, 3] and covariances [N, 6] in head units, and how far each is shown [N] 0..1.
        """
        positions = self._place(points, placement)
        covariances = np.empty((positions.shape[1], 6), np.float32)
        self._lattice_covariances(positions, covariances[: self._lattice])
        self._disc_covariances(placement, covariances[self._lattice :])
        means = np.empty((positions.shape[1], 3), np.float32)
        np.multiply(positions.T, np.float32(HEAD_UNITS_PER_CM), out=means)
        return means, covariances, self._visibility(placement)

    def _visibility(self, placement: HeadPlacement) -> np.ndarray:
        """[N] 1, but less where the portrait saw the face from its side and the head now turns it to the camera.

        There a few pixels would smear over what the layer below knows better.
        """
        shown = np.ones(len(self._head), np.float32)
        gain = self._normals @ placement.rotation[2].astype(np.float32) - self._facing
        shown[self._steep] = np.clip(1 - (gain - TURN[0]) / (TURN[1] - TURN[0]), 0, 1)
        return shown

    def _normals_at_rest(self) -> np.ndarray:
        """[L, 3] of the lattices' surface on the stage, toward the camera."""
        tangents = self._tangent(self._rest, 0), self._tangent(self._rest, 1)
        normals = np.cross(*(np.stack(t, 1) for t in tangents))  # type: ignore[call-overload]
        normals *= np.sign(normals[:, 2:]) / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        _spread_normals(normals, self._rest[:2, : self._lattice].T)
        return normals

    def _place(self, points: np.ndarray, placement: HeadPlacement) -> np.ndarray:
        """[3, N] stage positions: the head turns about the neck, the torso goes along a little."""
        turn, offset = self._stage.head_motion(placement)
        placed: np.ndarray = turn.astype(np.float32) @ points
        placed += offset.astype(np.float32)[:, None]
        placed -= self._rest
        placed *= self._head
        placed += self._rest
        way = torso_way(placement.shift, placement.scale * placement.rotation - self._stage.rotation, NECK_PIVOT)
        placed[:2] += self._torso * way[:, None].astype(np.float32)
        return placed

    def _lattice_covariances(self, positions: np.ndarray, out: np.ndarray) -> None:
        """Sum of the outer products of the two tangents, and a little thickness."""
        tangents = [self._tangent(positions, axis) for axis in (0, 1)]
        for k, (i, j) in enumerate(UPPER_TRIANGLE):
            value = tangents[0][i] * tangents[0][j]
            value += tangents[1][i] * tangents[1][j]
            value += self._thickness[k]
            np.multiply(value, np.float32(HEAD_UNITS_PER_CM**2), out=out[:, k])

    def _tangent(self, positions: np.ndarray, axis: int) -> list[np.ndarray]:
        """x, y and z [L] of one standard deviation along a lattice line, no longer than its limit."""
        before, after = self._sides[2 * axis], self._sides[2 * axis + 1]
        tangent = [p.take(after) for p in positions]
        for component, p in zip(tangent, positions, strict=True):
            component -= p.take(before)
            component *= self._factors[axis]
        square = tangent[0] * tangent[0]
        square += tangent[1] * tangent[1]
        square += tangent[2] * tangent[2]
        long = np.flatnonzero(square > self._limits[axis])
        shrink = np.sqrt(self._limits[axis][long] / square[long])
        for component in tangent:
            component[long] *= shrink
        return tangent

    def _disc_covariances(self, placement: HeadPlacement, out: np.ndarray) -> None:
        rotation = _rotation_of_covariances(placement.scale * placement.rotation) * HEAD_UNITS_PER_CM**2
        turn = rotation.T.astype(np.float32)
        for start in range(0, len(out), _BLOCK):
            np.matmul(self._discs[start : start + _BLOCK], turn, out=out[start : start + _BLOCK])

    def _spans(self) -> tuple[np.ndarray, np.ndarray]:
        """[2, L] factors of neighbors' differences, and [2, L] squares of the longest tangents."""
        own = np.arange(self._lattice)
        count = np.stack([(self._sides[k] != own).astype(int) + (self._sides[k + 1] != own) for k in (0, 2)])
        factors = (SIGMA / np.maximum(count, 1)).astype(np.float32)
        before, after = self._rest[:, self._sides[::2]], self._rest[:, self._sides[1::2]]
        lengths = np.linalg.norm(after - before, axis=0) * factors
        return factors, np.square(_MOST_STRETCH * lengths).astype(np.float32)


def _spread_normals(normals: np.ndarray, places: np.ndarray) -> None:
    """Fill in normals [L, 3] that are 0, of splats without neighbors on both axes: those of the nearest, [L, 2]."""
    known = normals.any(1)
    if known.any() and not known.all():
        normals[~known] = normals[known][cKDTree(places[known]).query(places[~known])[1]]


def _sparse(layer: Layer) -> csr_matrix:
    binding, count = layer.binding, len(layer)
    rows = np.repeat(np.arange(count), binding.controls.shape[1])
    weights = np.where(np.abs(binding.weights) < _LEAST_WEIGHT, 0, binding.weights)
    matrix = csr_matrix((weights.ravel(), (rows, binding.controls.ravel())), (count, CONTROLS), np.float32)
    matrix.eliminate_zeros()
    return matrix


def _rotation_of_covariances(rotation: np.ndarray) -> np.ndarray:
    """[6, 6] matrix that takes the upper triangle of C to that of R C R^T."""
    return upper_triangles(rotation @ symmetric_matrices(np.eye(6)) @ rotation.T).T
