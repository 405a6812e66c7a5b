"""Depth of the front layer: landmark mesh in the face, fitted head around it, a closed shell for hair and torso."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt

from ...face.topology import CHIN
from ...heads.canonical import canonical_face
from ...types import Portrait
from .cut import whole_matte
from .head_fit import skin_triangles
from .mesh import rasterize_mesh
from .stage import Stage

MIDDLE_PLANE_CM = -5.0
"""Canonical z of the head's middle plane, where front and back meet."""

_FEATHER_CM = 0.95  # landmark mesh blends into the head over this width
_NECK_CM = 3.5  # the fitted head ends in a cut neck: trust it only so far under the chin
_TRENCH_CM = 2.0  # how far the neck's sides may sink below the shell before they meet the shoulders
_THROAT_CM, _EDGE_CM = 4.0, 0.5  # how far the bare throat may, and how wide the matte's edge beside it is
_CHEEK_CM, _BESIDE_CM = 0.8, 1.2  # how far behind the face its outline lies, and around how far beside it
_HAIR_CM, _TORSO_CM = 6.0, 4.0  # thickness of the shell before the middle plane
_SHELL_CM, _RIM_CM = 4.5, 1.2  # distance from the matte's edge over which the shell, and everything, bends back


@dataclass(frozen=True)
class FrontDepth:
    """The front layer's depth over the crop's pixels."""

    z: np.ndarray
    """[S, S] stage z, centimeters toward the camera."""
    face: np.ndarray
    """[S, S] landmark triangle under each pixel, -1 outside the face."""
    bare: np.ndarray
    """[S, S] bool: the bare head, without its hair, is under the pixel."""
    matte: np.ndarray
    """[S, S] float32 0..1 the matte, gone on over what the picture cuts off of the head."""


def landmark_mesh(portrait: Portrait) -> tuple[np.ndarray, np.ndarray]:
    """Return the landmark triangle [S, S] under each pixel, -1 outside the face, and its stage z [S, S]."""
    points = portrait.landmarks[:468].astype(float) * [1, 1, -1 / float(portrait.pose.scale)]
    face, _, z = rasterize_mesh(points, canonical_face().triangles, portrait.size, portrait.size)
    return face, z


def cliffs(z: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of neighboring pixels whose depths `z` [S, S] differ by more than `least`.

    Those of the near pixels [K, 2] and of the far ones [K, 2]. Pixels of infinite depth have no neighbors.
    """
    ends = []
    for axis in (0, 1):
        with np.errstate(invalid="ignore"):
            step = np.diff(z, axis=axis)
        first = np.argwhere(np.isfinite(step) & (np.abs(step) > least))
        second = first + np.eye(2, dtype=int)[axis]
        falls = step[tuple(first.T)] < 0
        ends.append(np.where(falls[:, None, None], np.stack([first, second], 1), np.stack([second, first], 1)))
    near, far = np.concatenate(ends).transpose(1, 0, 2)
    return near, far


def front_depth(
    portrait: Portrait, stage: Stage, head: np.ndarray, mesh: tuple[np.ndarray, np.ndarray], throat: np.ndarray
) -> FrontDepth:
    """Depth of every pixel of the crop.

    Args:
        portrait: the portrait.
        stage: its stage.
        head: [V, 3] canonical vertices of the fitted head.
        mesh: the face, as `landmark_mesh` has it.
        throat: [S, S] 0..1 where the throat is seen.
    """
    size, scale = portrait.size, stage.scale
    face, face_z = mesh
    in_face = face >= 0
    _, _, bare_z = rasterize_mesh(stage.project(stage.from_canonical(head)), skin_triangles(), size, size)
    rows = np.arange(size)[:, None]
    in_head = cv2.erode(np.isfinite(bare_z).astype(np.uint8), np.ones((9, 9))) > 0
    in_head &= rows < _below_chin(portrait, stage, _NECK_CM)
    middle = float(stage.from_canonical(np.array([[0, 0, MIDDLE_PLANE_CM]]))[0, 2])
    matte = whole_matte(portrait)
    edge = _distance_to_edge(matte) / scale
    shell = _shell(portrait, stage, edge, middle)
    # Hair lies over the head: above the chin the outer one of the two surfaces is seen.
    hair = in_head & (rows < _below_chin(portrait, stage, 0))
    head_z = np.where(hair, np.maximum(bare_z, shell), bare_z)

    inside = distance_transform_edt(in_face) / scale
    blend = np.clip(inside / _FEATHER_CM, 0, 1)
    face_z = np.where(in_face, face_z, 0)
    known = in_face | in_head
    z = np.where(in_head, head_z, face_z)
    z = np.where(in_face, blend * face_z + (1 - blend) * z, np.where(known, z, 0))

    z = np.where(known, z, _extend(z, known, shell, scale))
    z = np.where(in_face | hair, z, np.maximum(z, shell - _TRENCH_CM))
    rim = np.clip(edge / _RIM_CM, 0, 1)
    behind = _beside_face(in_face, face_z, scale, middle)
    z = np.where(in_face, z, behind + (z - behind) * np.sqrt(rim * (2 - rim)))
    row, column = distance_transform_edt(~in_head, return_distances=False, return_indices=True)
    deep = np.maximum(bare_z[row, column], shell - _THROAT_CM)
    z += np.where(in_face, 0, _whole(throat, portrait.alpha, scale)) * np.minimum(deep - z, 0)
    smooth = cv2.GaussianBlur(z, (0, 0), 0.28 * scale)
    blend = np.clip(inside / (0.8 * _FEATHER_CM), 0, 1)
    return FrontDepth(blend * z + (1 - blend) * smooth, face, in_head | in_face, matte)


def _beside_face(in_face: np.ndarray, face_z: np.ndarray, scale: float, middle: float) -> np.ndarray:
    """[S, S] depth to which the outline bends: close behind the face beside it, the middle plane elsewhere."""
    distance, (row, column) = distance_transform_edt(~in_face, return_indices=True)
    near = np.maximum(face_z[row, column] - _CHEEK_CM, middle)
    return middle + (near - middle) * np.exp(-((distance / scale / _BESIDE_CM) ** 2))


def _whole(throat: np.ndarray, alpha: np.ndarray, scale: float) -> np.ndarray:
    """[S, S] 0..1 the throat up to the matte's edge, softly: a rim left before it would hang from the jaw in rags."""
    reach = 2 * round(_EDGE_CM * scale) + 1
    around = cv2.dilate(throat, np.ones((reach, reach)))
    return cv2.blur(np.where(alpha < 0.95, around, throat), (reach // 2,) * 2)


def _distance_to_edge(alpha: np.ndarray) -> np.ndarray:
    """Pixels from each point of the matte to its edge; the crop's border is no edge."""
    return distance_transform_edt(np.pad(alpha > 0.5, 1, mode="edge"))[1:-1, 1:-1]


def _shell(portrait: Portrait, stage: Stage, edge: np.ndarray, middle: float) -> np.ndarray:
    """Return a closed shell over the matte.

    A quarter circle from the middle plane at the edge to its full height inside.
    """
    u = np.clip(edge / _SHELL_CM, 0, 1)
    neck = _below_chin(portrait, stage, 3)
    height: np.ndarray = np.where(np.arange(portrait.size) < neck, _HAIR_CM, _TORSO_CM).astype(np.float64)[:, None]
    height = cv2.GaussianBlur(np.repeat(height, 3, axis=1), (0, 0), 1.6 * stage.scale)[:, :1]
    return middle + np.sqrt(u * (2 - u)) * height


def _below_chin(portrait: Portrait, stage: Stage, centimeters: float) -> float:
    """Pixel row of a point straight under the chin."""
    point = portrait.canonical[[CHIN]].astype(float) - [0, centimeters, 0]
    return float(stage.project(stage.from_canonical(point))[0, 1])


def _extend(z: np.ndarray, known: np.ndarray, shell: np.ndarray, scale: float) -> np.ndarray:
    """Carry known depth outwards, giving way to the shell over two centimeters."""
    distance, (row, column) = distance_transform_edt(~known, return_indices=True)
    near = z[row, column]
    keep = np.exp(-((distance / scale / 2.0) ** 2))
    return np.minimum(near * keep + shell * (1 - keep), np.maximum(shell, near))
