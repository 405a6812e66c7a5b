"""The embedded avatar: Gaussians made without a network, driven by landmarks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...driving.retarget import NECK_PIVOT, HeadPlacement, Retargeter
from ...rendering.drawing import draw_frames
from ...tracking.topology import LOWER_LIP, UPPER_LIP
from ...types import HEAD_UNITS_PER_CM, Camera, Gaussians, Motion
from .binding import CONTROLS, LANDMARKS, Handle
from .eyes import eye_widths
from .layer import Layer
from .mouth import mouth_handles, mouth_shade, mouth_visibility
from .stage import Stage

SIGMA = 0.5
"""Standard deviation of a lattice splat, in distances between neighbours: smooth without blurring the portrait."""
_MOST_STRETCH = 2.5  # a splat grows no longer than this many rest lengths; the layer under it shows instead
_GAZE_RISE = 0.6  # the lids follow a vertical glance: part of it must not move the iris
_LONGEST_GAZE = 0.3  # eye widths


@dataclass(frozen=True)
class GeometricAvatar:
    """A lifted portrait. `perform` binds a motion to it; `gaussians` poses it for one frame."""

    stage: Stage
    canonical: np.ndarray
    """[478, 3] float32 the portrait's canonical landmarks, centimetres."""
    layer: Layer
    """All splats: front, back, skin, eyes, and the mouth's inside last."""
    mouth_fade: np.ndarray
    """[M, 2] for the last M splats, see `Mouth.fade`."""

    model = "embedded"

    def __len__(self) -> int:
        return len(self.layer)

    def camera(self) -> Camera:
        """The source camera: it stays, the head moves."""
        return self.stage.camera()

    def perform(self, motion: Motion, reference: str | int = "auto") -> Performance:
        """The motion, fitted to this portrait; see `Retargeter` for `reference`."""
        return Performance(self, Retargeter(motion, self.canonical, reference))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the avatar's file; see `save_avatar`."""
        from .file import save_avatar

        save_avatar(self, path)

    def rest(self) -> Gaussians:
        """The portrait as it was taken."""
        still = HeadPlacement(self.stage.rotation, 1.0, np.zeros(3))
        return self.gaussians(np.zeros((LANDMARKS, 3)), np.zeros((2, 2)), still)

    def gaussians(self, displacements: np.ndarray, gaze: np.ndarray, placement: HeadPlacement) -> Gaussians:
        """The Gaussians in one expression and pose.

        Args:
            displacements: [478, 3] offsets of the canonical landmarks, centimetres.
            gaze: [2, 2] offset of the irises in eye widths, x right and y up.
            placement: pose of the head; its shift moves the head over the torso.
        """
        layer = self.layer
        moved = layer.points + self._weights @ self._controls(displacements, gaze)
        positions = self._place(moved, placement)
        covariances = self._covariances(positions, placement)
        features, opacities = layer.colours, layer.opacities
        inside = slice(len(layer) - len(self.mouth_fade), None)
        if len(self.mouth_fade):
            landmarks = self.canonical + displacements
            opening = landmarks[UPPER_LIP, 1] - landmarks[LOWER_LIP, 1]
            features, opacities = features.copy(), opacities.copy()
            features[inside] *= mouth_shade(opening)
            opacities[inside] *= mouth_visibility(moved[inside], self.mouth_fade, landmarks)
        positions *= HEAD_UNITS_PER_CM
        covariances *= HEAD_UNITS_PER_CM**2
        return Gaussians(positions, covariances, opacities, features)

    @cached_property
    def _weights(self):
        """[N, CONTROLS] sparse matrix of the bindings."""
        from scipy.sparse import csr_matrix

        binding, count = self.layer.binding, len(self.layer)
        rows = np.repeat(np.arange(count), binding.controls.shape[1])
        matrix = csr_matrix((binding.weights.ravel(), (rows, binding.controls.ravel())), (count, CONTROLS), np.float32)
        matrix.eliminate_zeros()
        return matrix

    @cached_property
    def _rest_positions(self) -> np.ndarray:
        """[N, 3] stage positions in the source."""
        return self.stage.from_canonical(self.layer.points.astype(np.float64)).astype(np.float32)

    @cached_property
    def _links(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows [L] that have neighbours (a lattice), factors [L, 2] of their differences, and squared limits [L, 2]."""
        neighbours = self.layer.neighbours
        own = np.arange(len(self.layer))[:, None]
        linked = np.flatnonzero((neighbours != own).any(1))
        count = (neighbours[linked] != own[linked]).reshape(-1, 2, 2).sum(2)
        factor = (SIGMA / np.maximum(count, 1)).astype(np.float32)
        rest = self._rest_positions[neighbours[linked]]
        length = np.linalg.norm(rest[:, 1::2] - rest[:, 0::2], axis=2) * factor
        return linked, factor, np.square(_MOST_STRETCH * length).astype(np.float32)

    def _controls(self, displacements: np.ndarray, gaze: np.ndarray) -> np.ndarray:
        controls = np.zeros((CONTROLS, 3), np.float32)
        controls[:LANDMARKS] = displacements
        glance = np.clip(gaze, -_LONGEST_GAZE, _LONGEST_GAZE) * eye_widths(self.canonical)[:, None] * [1, _GAZE_RISE]
        controls[Handle.LEFT_GAZE : Handle.RIGHT_GAZE + 1, :2] = glance
        controls[Handle.UPPER_TEETH :] = mouth_handles(self.canonical, displacements)
        return controls

    def _place(self, points: np.ndarray, placement: HeadPlacement) -> np.ndarray:
        """[N, 3] stage positions of canonical points under a pose: the head turns about the neck, the torso stays."""
        pivot = self.stage.from_canonical(NECK_PIVOT[None])[0] + placement.shift
        turn = placement.scale * placement.rotation
        offset = pivot - turn @ NECK_PIVOT
        head = points @ turn.T.astype(np.float32) + offset.astype(np.float32)
        head -= self._rest_positions
        head *= self.layer.head[:, None]
        head += self._rest_positions
        return head

    def _covariances(self, positions: np.ndarray, placement: HeadPlacement) -> np.ndarray:
        """[N, 6] square centimetres."""
        turn = placement.scale * placement.rotation
        covariances = self.layer.covariances @ _rotation_of_covariances(turn).T.astype(np.float32)
        linked, factor, limit = self._links
        neighbours = self.layer.neighbours[linked]
        for axis in (0, 1):
            tangent = positions[neighbours[:, 2 * axis + 1]] - positions[neighbours[:, 2 * axis]]
            tangent *= factor[:, axis : axis + 1]
            x, y, z = tangent.T
            square = x * x + y * y + z * z
            shrink = np.minimum(1, limit[:, axis] / np.maximum(square, 1e-12))
            covariances[linked] += np.stack([x * x, x * y, x * z, y * y, y * z, z * z], 1) * shrink[:, None]
        return covariances


@dataclass(frozen=True)
class Performance:
    """A motion bound to an avatar: one set of Gaussians a frame."""

    avatar: GeometricAvatar
    retargeter: Retargeter

    def __len__(self) -> int:
        return len(self.retargeter.motion)

    def gaussians(self, index: int) -> Gaussians:
        """The avatar at a frame of the motion."""
        source = self.retargeter
        return self.avatar.gaussians(source.displacements(index), source.gaze(index), source.placement(index))

    def camera(self, index: int) -> Camera:
        """The camera at a frame."""
        return self.avatar.camera()

    def frames(
        self, width: int, height: int, indices: Iterable[int] | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Drawings of the frames `indices`, or of all; see `draw_frames`."""
        chosen = range(len(self)) if indices is None else indices
        return draw_frames(((self.gaussians(i), self.camera(i)) for i in chosen), width, height)


def _rotation_of_covariances(rotation: np.ndarray) -> np.ndarray:
    """[6, 6] matrix that takes the upper triangle of C to that of R C R^T."""
    row, column = np.triu_indices(3)
    basis = np.zeros((6, 3, 3))
    basis[np.arange(6), row, column] = basis[np.arange(6), column, row] = 1
    turned = rotation @ basis @ rotation.T
    return turned[:, row, column].T
