"""The mesh-bound layer: splats on the fitted head, just under the front layer, that close what turning tears open.

What the source view does not show has the light of the nearest shown skin, and the features of the mirrored side of the
face, which is nearly symmetric.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from ...face.topology import CHIN, EYE_RINGS, INNER_LIPS, LOWER_LIP
from ...types import Portrait
from .binding import Binding, bind_outside, bind_to_triangles, head_weight
from .depth import FrontDepth
from .head_fit import skin_triangles
from .lattice import polygon
from .layer import Layer, discs
from .mesh import rasterize_mesh, sample_surface, vertex_normals
from .stage import Stage

_BELOW_CHIN_CM = 7.0
_SINK_CM = 0.35  # the fitted head and the landmark mesh differ by about half of this
_UNDER_CM = 0.1  # at least, from the front layer
_JAW = (58, 288)  # its angles
_EAR_LOBE_CM, _BEHIND_JAW_CM = 6.0, 1.4  # above the chin, and behind the angles of the jaw
_DRAWN_IN_CM = 0.6  # by so much, and faded out over as much again
_SURE, _NEAREST = 0.5, 48
_SIGMA = 0.68  # of a splat, in distances between neighbors


def skin_layer(portrait: Portrait, stage: Stage, depth: FrontDepth, head: np.ndarray, count: int) -> Layer:
    """Splats on the skin of the fitted head `head` [V, 3], canonical centimeters; about `count` of them."""
    triangles = skin_triangles()
    triangles = triangles[head[triangles][..., 1].mean(1) > portrait.canonical[CHIN, 1] - _BELOW_CHIN_CM]
    face, weights = sample_surface(head, triangles, count)
    points = (head[triangles[face]] * weights[..., None]).sum(1)
    normals = (vertex_normals(head, skin_triangles())[triangles[face]] * weights[..., None]).sum(1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)

    kept = ~_inside_openings(points, portrait)
    points, normals = points[kept], normals[kept]
    pixels = stage.project(stage.from_canonical(points))
    binding = _bind(points, pixels, portrait, depth)
    area = np.linalg.norm(
        np.cross(
            head[triangles[:, 1]] - head[triangles[:, 0]],
            head[triangles[:, 2]] - head[triangles[:, 0]],
        ),
        axis=1,
    ).sum()
    colors = _colors(points, normals, pixels, portrait, stage, head)
    sunk, shown = _carve(points - _SINK_CM * normals, portrait, stage, depth)
    return discs(
        sunk,
        binding,
        colors,
        0.99 * shown * _before_the_nape(points, portrait),
        sigma=_SIGMA * np.sqrt(area / 2 / count),
        normals=normals,
        head=head_weight(points, portrait, stage),
    )


def _carve(points: np.ndarray, portrait: Portrait, stage: Stage, depth: FrontDepth) -> tuple[np.ndarray, np.ndarray]:
    """Draw points [N, 3] in to where the matte has the person, and behind the front layer.

    Also returns how far each may be shown [N].

    The fitted head is wider than some necks and jaws. What lies far outside of the matte is not there.
    """
    staged = stage.from_canonical(points)
    pixels = stage.project(staged)[:, :2]
    inside = cv2.erode(portrait.alpha, np.ones((3, 3))) > 0.6
    distance, nearest = distance_transform_edt(~inside, return_indices=True)
    u, v = _whole(pixels, portrait.size)
    outside = distance[v, u] / stage.scale
    pixels = np.where(outside[:, None] > 0, nearest[::-1, v, u].T, pixels)
    u, v = _whole(pixels, portrait.size)
    carved = stage.unproject(pixels, np.minimum(staged[:, 2], depth.z[v, u] - _UNDER_CM))
    return stage.to_canonical(carved), np.clip(2 - outside / _DRAWN_IN_CM, 0, 1)


def _before_the_nape(points: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[N] 0..1: under the ears what lies behind the jaw is left out.

    A neck turns about its own axis, the fitted head about the front of it: its nape would swing out beside the neck.
    """
    jaw = portrait.canonical[list(_JAW), 2].mean()
    low = np.clip((portrait.canonical[CHIN, 1] + _EAR_LOBE_CM - points[:, 1]) / 1.5, 0, 1)
    return 1 - low * np.clip((jaw - _BEHIND_JAW_CM - points[:, 2]) / 1.0, 0, 1)


def _whole(pixels: np.ndarray, size: int) -> np.ndarray:
    """Columns and rows [2, N] of the pixels at [N, 2]."""
    return np.clip(np.round(pixels), 0, size - 1).astype(int).T


def _inside_openings(points: np.ndarray, portrait: Portrait) -> np.ndarray:
    """Skin inside the mouth and the eye sockets, and what is so near an opening that it would hang across it."""
    marks = portrait.canonical
    mouth = marks[list(INNER_LIPS)]
    center = mouth.mean(0)
    deep = (np.hypot(points[:, 0] - center[0], points[:, 1] - center[1]) < 2.6) & (points[:, 2] > -3)
    inside = deep & (points[:, 2] < marks[LOWER_LIP, 2] - 1.2)
    rims = [mouth] + [marks[list(ring)] for ring in EYE_RINGS]
    for rim in rims:
        middle = rim.mean(0)
        half = np.abs(rim - middle).max(0)[:2] + np.array([0.25, 0.3])
        inside |= (np.abs(points - middle)[:, :2] < half).all(1) & (points[:, 2] > middle[2] - 3)
    return inside


def _bind(points: np.ndarray, pixels: np.ndarray, portrait: Portrait, depth: FrontDepth) -> Binding:
    from ...heads.canonical import canonical_face
    from .mesh import barycentric

    column, row = np.clip(np.round(pixels[:, :2]), 0, portrait.size - 1).astype(int).T
    face = np.where(points[:, 2] > depth_limit(portrait), depth.face[row, column], -1)
    binding = bind_outside(points, portrait.canonical)
    inside = np.flatnonzero(face >= 0)
    triangles = canonical_face().triangles[face[inside]]
    weights = barycentric(pixels[inside, :2], portrait.landmarks[triangles][..., :2].astype(float))
    bound = bind_to_triangles(triangles, weights)
    binding.controls[inside], binding.weights[inside] = bound.controls, bound.weights
    return binding


def depth_limit(portrait: Portrait) -> float:
    """Canonical z that tells the face from the back of the head."""
    return float(portrait.canonical[:468, 2].min()) - 2.0


def _colors(
    points: np.ndarray, normals: np.ndarray, pixels: np.ndarray, portrait: Portrait, stage: Stage, head: np.ndarray
) -> np.ndarray:
    trust = _visibility(normals, pixels, portrait, stage, head)
    column, row = np.clip(np.round(pixels[:, :2]), 0, portrait.size - 1).astype(int).T
    seen = portrait.crop[row, column] / 255.0

    # Light is carried over from the nearest shown skin, features from the mirrored side of the face.
    sure = trust > _SURE
    if not sure.any():
        return seen
    filled = _mean_of_nearest(points, points[sure], seen[sure])
    distance, twin = cKDTree(points).query(points * [-1, 1, 1])
    mirrored = np.repeat(seen[twin].mean(1, keepdims=True), 3, axis=1)
    features = np.clip(mirrored / np.maximum(_mean_of_nearest(points, points, mirrored), 0.02), 0.6, 1.2)
    twin_trust = (trust[twin] * (distance < 0.5) * (points[:, 2] > depth_limit(portrait)))[:, None]
    guess = filled * (1 + twin_trust * (features - 1))
    blend = np.clip(trust / _SURE, 0, 1)[:, None]
    return np.clip(blend * seen + (1 - blend) * guess, 0, 1)


def _mean_of_nearest(points: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values [N, 3] at `points` [N, 3] from those of the nearest `known` [K, 3], nearer ones counting more."""
    count = min(_NEAREST, len(known))
    distance, nearest = cKDTree(known).query(points, k=[*range(1, count + 1)])
    share = 1 / (distance + 0.2)
    return (values[nearest] * (share / share.sum(1, keepdims=True))[..., None]).sum(1)


def _visibility(
    normals: np.ndarray, pixels: np.ndarray, portrait: Portrait, stage: Stage, head: np.ndarray
) -> np.ndarray:
    """[N] 0..1 how well the source view shows each point: facing the camera, in front, inside the matte, no opening."""
    size = portrait.size
    _, _, front = rasterize_mesh(stage.project(stage.from_canonical(head)), skin_triangles(), size, size)
    column, row = np.clip(np.round(pixels[:, :2]), 0, size - 1).astype(int).T
    facing = np.clip(((normals @ stage.rotation.T)[:, 2] - 0.15) / 0.4, 0, 1)
    in_front = pixels[:, 2] > front[row, column] - 0.6
    mouth = polygon(portrait.landmarks[list(INNER_LIPS), :2], size)[row, column] < 0.1
    return facing * in_front * mouth * (portrait.alpha[row, column] > 0.9)
