"""The mesh-bound layer: splats on the fitted head, just under the front layer, that close what turning tears open.

What the source view does not show has the light of the nearest shown skin, and the features of the mirrored side of the
face, which is nearly symmetric.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from ...easing import smoothstep
from ...face.topology import (
    BROWS,
    CHIN,
    EYE_RINGS,
    INNER_LIPS,
    LEFT_EYE_RING,
    LOWER_LIP,
    NOSTRILS,
    OUTER_LIPS,
    RIGHT_EYE_RING,
)
from ...types import Portrait
from .binding import Binding, bind_outside, bind_to_triangles, head_weight, neck_follow
from .depth import FrontDepth
from .hair import scalp_weight
from .head_fit import skin_triangles
from .lattice import opaque_core, polygon
from .layer import Layer, discs
from .mesh import rasterize_mesh, sample_surface, vertex_normals
from .regions import Regions
from .stage import Stage

_BELOW_CHIN_CM = 7.0
_SINK_CM = 0.35  # the fitted head and the landmark mesh differ by about half of this
_SOCKET_CM, _SOCKET_RIM = 2.5, 0.35  # depth behind the eyeball, and share of the way to the rim on which it slopes
_UNDER_CM = 0.1  # at least, from the front layer
_DRAWN_IN_CM = 0.6  # by so much, and faded out over as much again
_SURE, _NEAREST = 0.5, 48
_EDGE_ON = 0.3  # cosine to the camera under which a contour's colors are no skin's
_SAMPLES = 3000  # of the skin's light
_SEAM_CM, _EVEN_CM = 0.6, 1.5  # over which it is smooth, where it meets what is shown and under features
_TEXTURE = (0.85, 1.15)
_FEATURES = (*LEFT_EYE_RING, *RIGHT_EYE_RING, *BROWS, *OUTER_LIPS, *NOSTRILS)
_FEATURES_CM = (0.5, 1.3)  # around these landmarks
_MOST_RELIT = (0.4, 2.5)  # a mirrored color is made no darker and no brighter
_SIGMA = 0.68  # of a splat, in distances between neighbors
_EVENING = 3  # rounds
_REACH = 1.5  # standard deviations that are seen of a splat


def skin_layer(
    portrait: Portrait, stage: Stage, depth: FrontDepth, head: np.ndarray, regions: Regions, count: int
) -> Layer:
    """Splats on the head `head` [V, 3] grown to its hair, canonical centimeters; about `count` of them."""
    triangles = skin_triangles()
    triangles = triangles[head[triangles][..., 1].mean(1) > portrait.canonical[CHIN, 1] - _BELOW_CHIN_CM]
    face, weights = sample_surface(head, triangles, count)
    points = (head[triangles[face]] * weights[..., None]).sum(1)
    normals = (vertex_normals(head, skin_triangles())[triangles[face]] * weights[..., None]).sum(1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    corners = head[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    spacing = np.sqrt(area / count)
    points = _even_out(points, normals, spacing)

    kept, socket = _openings(points, portrait)
    points, normals = points[kept], normals[kept]
    pixels = stage.project(stage.from_canonical(points))
    binding = _bind(points, pixels, portrait, depth)
    colors = _colors(points, normals, pixels, portrait, stage, head, regions)
    under = points - _SINK_CM * normals
    under[:, 2] -= _SOCKET_CM * socket[kept]
    placed, shown = carve(under, portrait, stage, depth, _REACH * _SIGMA * spacing)
    return discs(
        placed,
        binding,
        colors,
        0.99 * shown,
        sigma=_SIGMA * spacing,
        normals=normals,
        head=head_weight(points, portrait, stage) * neck_follow(points, portrait),
    )


def _even_out(points: np.ndarray, normals: np.ndarray, spacing: float) -> np.ndarray:
    """Points [N, 3] pushed apart along their surface: splats of random ones would leave holes between them."""
    for _ in range(_EVENING):
        distance, nearest = cKDTree(points).query(points, k=[2, 3, 4, 5])
        push = points[:, None] - points[nearest]
        push *= (np.clip(1 - distance / spacing, 0, None) / np.maximum(distance, 1e-6))[..., None]
        way = 0.4 * spacing * push.sum(1)
        points = points + way - (way * normals).sum(1, keepdims=True) * normals
    return points


def carve(
    points: np.ndarray, portrait: Portrait, stage: Stage, depth: FrontDepth, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw points [N, 3] in to where the matte has the person, and behind the front layer.

    Also returns how far each may be shown [N]. Splats reach `reach` centimeters: none may fill the matte's soft edge.
    The fitted head is wider than some necks and jaws. What lies far outside of the matte is not there.
    """
    staged = stage.from_canonical(points)
    pixels = stage.project(staged)[:, :2]
    inside = opaque_core(portrait, reach * stage.scale)
    distance, nearest = distance_transform_edt(~inside, return_indices=True)
    u, v = _whole(pixels, portrait.size)
    outside = np.maximum(distance[v, u] / stage.scale - reach, 0)
    pixels = np.where(distance[v, u, None] > 0, nearest[::-1, v, u].T, pixels)
    u, v = _whole(pixels, portrait.size)
    carved = stage.unproject(pixels, np.minimum(staged[:, 2], depth.z[v, u] - _UNDER_CM))
    return stage.to_canonical(carved), np.clip(2 - outside / _DRAWN_IN_CM, 0, 1)


def _whole(pixels: np.ndarray, size: int) -> np.ndarray:
    """Columns and rows [2, N] of the pixels at [N, 2]."""
    return np.clip(np.round(pixels), 0, size - 1).astype(int).T


def _openings(points: np.ndarray, portrait: Portrait) -> tuple[np.ndarray, np.ndarray]:
    """Which skin is kept [N], and how far it is the floor of the eyes' sockets [N] 0..1.

    What lies inside the mouth, or so near to it that it would hang across it, goes away.
    """
    marks = portrait.canonical
    mouth = marks[list(INNER_LIPS)]
    center = mouth.mean(0)
    deep = (np.hypot(points[:, 0] - center[0], points[:, 1] - center[1]) < 2.6) & (points[:, 2] > -3)
    gone = deep & (points[:, 2] < marks[LOWER_LIP, 2] - 1.2)
    socket = np.zeros(len(points))
    for rim in (mouth, *(marks[list(ring)] for ring in EYE_RINGS)):
        middle = rim.mean(0)
        half = np.abs(rim - middle).max(0)[:2] + np.array([0.25, 0.3])
        reach = (np.abs(points - middle)[:, :2] / half).max(1)
        reach[points[:, 2] < middle[2] - 3] = 1
        if rim is mouth:
            gone |= reach < 1
        else:
            socket = np.maximum(socket, np.clip((1 - reach) / _SOCKET_RIM, 0, 1))
    return ~gone, socket


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
    points: np.ndarray,
    normals: np.ndarray,
    pixels: np.ndarray,
    portrait: Portrait,
    stage: Stage,
    head: np.ndarray,
    regions: Regions,
) -> np.ndarray:
    trust = _visibility(normals, pixels, portrait, stage, head)
    column, row = _whole(pixels[:, :2], portrait.size)
    seen = portrait.crop[row, column] / 255.0
    scalp = scalp_weight(points, portrait)[:, None]
    # Beside the face, shade and what hangs before the skin are none of its colors.
    trust *= np.maximum.reduce([scalp[:, 0], regions.skin[row, column], regions.face[row, column]])
    features = _features(points, portrait)
    skin = (trust > _SURE) & (scalp[:, 0] < 0.5) & (features < 0.5)
    if skin.sum() < _NEAREST:
        return seen

    # Light is carried over from the nearest shown skin; texture and features come from the mirrored side of the face.
    light = _light(points, points[skin], seen[skin], _SEAM_CM)
    even = _light(points, points[skin], seen[skin], _EVEN_CM)
    distance, twin = cKDTree(points).query(points * [-1, 1, 1])
    mirrored = trust[twin] * (distance < 0.5) * (points[:, 2] > depth_limit(portrait))
    texture = np.clip(seen[twin] / np.maximum(light[twin], 0.02), *_TEXTURE)
    relit = seen[twin] * np.clip(even / np.maximum(even[twin], 0.02), *_MOST_RELIT)
    guess = light * (1 + (mirrored * regions.skin[row, column][twin])[:, None] * (texture - 1))
    beside = (1 - np.maximum(regions.skin, regions.face)[row, column])[twin]  # hair, a scarf
    guess += (mirrored * np.maximum(features, beside))[:, None] * (relit - guess)
    guess += scalp * (regions.behind[row, column] - guess)
    blend = np.clip(trust / _SURE, 0, 1)[:, None]
    return np.clip(blend * seen + (1 - blend) * guess, 0, 1)


def _features(points: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[N] 1 on brows, eyes, nostrils and lips, falling to 0 around them: between them a face is plain skin."""
    distance, _ = cKDTree(portrait.canonical[list(_FEATURES)]).query(points)
    near, far = _FEATURES_CM
    weight: np.ndarray = smoothstep((far - distance) / (far - near))
    return weight


def _light(points: np.ndarray, known: np.ndarray, values: np.ndarray, smooth: float) -> np.ndarray:
    """Colors [N, 3] at `points` [N, 3] of plain skin: means of the nearest of `known` [K, 3] over `smooth` cm."""
    some = slice(None, None, max(1, len(known) // _SAMPLES))
    known, values = known[some], values[some]
    distance, nearest = cKDTree(known).query(points, k=min(_NEAREST, len(known)))
    share = 1 / (distance**2 + smooth**2)
    light: np.ndarray = (values[nearest] * (share / share.sum(1, keepdims=True))[..., None]).sum(1)
    return light


def _visibility(
    normals: np.ndarray, pixels: np.ndarray, portrait: Portrait, stage: Stage, head: np.ndarray
) -> np.ndarray:
    """[N] 0..1 how well the source view shows each point: facing the camera, in front, inside the matte, no opening."""
    size = portrait.size
    _, _, front = rasterize_mesh(stage.project(stage.from_canonical(head)), skin_triangles(), size, size)
    column, row = np.clip(np.round(pixels[:, :2]), 0, size - 1).astype(int).T
    facing = np.clip(((normals @ stage.rotation.T)[:, 2] - _EDGE_ON) / 0.4, 0, 1)
    in_front = pixels[:, 2] > front[row, column] - 0.6
    mouth = polygon(portrait.landmarks[list(INNER_LIPS), :2], size)[row, column] < 0.1
    return facing * in_front * mouth * (portrait.alpha[row, column] > 0.9)
