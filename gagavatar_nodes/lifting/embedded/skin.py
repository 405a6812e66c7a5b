"""The mesh-bound layer: splats on the fitted head, just under the front layer, that close what turning tears open."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ...easing import smoothstep
from ...face.topology import CHIN, EYE_RINGS, INNER_LIPS, LEFT_EYE_RING, LOWER_LIP, RIGHT_EYE_RING, UNDER_NOSE
from ...heads.canonical import canonical_face
from ...types import Portrait
from .binding import Binding, bind_to_face, head_weight, neck_follow
from .carving import carve
from .complexion import HIDDEN_CM, skin_colors
from .depth import FrontDepth
from .ears import on_ears
from .frontal import FRONT_SIZE, distance_to, from_front
from .hair import EARS, SIDE_CM, outer_triangles
from .hair_strands import Strands
from .head_fit import skin_triangles
from .layer import Layer, discs
from .mesh import rasterize_mesh, sample_surface, triangle_areas, vertex_normals
from .neck import Neck
from .pixels import whole_pixels
from .regions import Regions
from .stage import Stage
from .steep import STEEP

_BELOW_CHIN_CM = (2.5, 1.2)  # where it ends, and fades out before: there the neck goes on
_SINK_CM = 0.35  # the fitted head and the landmark mesh differ by about half of this
_SOCKET_CM, _SOCKET_RIM = 2.5, 0.35  # depth behind the eyeball, and share of the way to the rim on which it slopes
_FOLD_CM, _FOLDS_CM = 0.25, 4.0  # least depth of the inner side of lids and lips, and how far it reaches from them
_SMOOTHED_OVER, _SMOOTHED = 12, 4  # neighbors and rounds, of normals
_SIGMA = 0.8  # of a splat, in distances between neighbors
_EVENING, _PUSH = 15, 0.2  # rounds, and how far each goes
_PUSHED_BY, _PUSH_REACH = 7, 1.2  # neighbors, and distances between them
_EAR_DENSITY, _BACK_DENSITY, _BEHIND_CM = 2.5, 0.6, 4.0
_BEHIND_FACE_CM = 2.0  # is the back of the head
_LINE_CM = 0.12  # from the line of the mouth to lips
_REACH = 1.5  # standard deviations that are seen of a splat


def skin_layer(
    portrait: Portrait,
    stage: Stage,
    depth: FrontDepth,
    head: np.ndarray,
    neck: Neck,
    tube: Layer,
    regions: Regions,
    count: int,
) -> Layer:
    """Splats on the head `head` [V, 3] grown to its hair, canonical centimeters; about `count` of them.

    They go on as the neck's `tube`, and end with it.
    """
    outer = outer_triangles(head)
    triangles = outer[head[outer][..., 1].mean(1) > portrait.canonical[CHIN, 1] - _BELOW_CHIN_CM[0]]
    density = _density(head[triangles].mean(1), portrait, head)
    face, weights = sample_surface(head, triangles, count, density=density)
    points = (head[triangles[face]] * weights[..., None]).sum(1)
    normals = (vertex_normals(head, outer)[triangles[face]] * weights[..., None]).sum(1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    spacing = np.sqrt((triangle_areas(head, triangles) * density).sum() / count / _density(points, portrait, head))
    points = _even_out(points, normals, spacing)
    normals = _smooth_sides(points, normals)

    kept, socket = _openings(points, normals, portrait, stage)
    _, _, front = rasterize_mesh(from_front(head), skin_triangles(), FRONT_SIZE, FRONT_SIZE)
    kept &= ~_lines_cheeks(points, normals, front, portrait)
    points, normals, spacing = points[kept], normals[kept], spacing[kept]
    pixels = stage.project(stage.from_canonical(points))
    binding = _bind(points, pixels, portrait, depth)
    colors, hair = skin_colors(points, normals, portrait, stage, depth, head, regions)
    strands = Strands.over(points, normals, hair, portrait, stage, regions)
    slim = neck.slim_nape(points, portrait)
    sunk = slim + (strands.rise - _SINK_CM)[:, None] * normals
    under = _stay_inside(points, sunk, front, portrait)
    under[:, 2] -= _SOCKET_CM * socket[kept]
    placed, shown = carve(under, portrait, stage, depth, _REACH * _SIGMA * spacing)
    end, fade = _BELOW_CHIN_CM
    shown *= np.clip((points[:, 1] - portrait.canonical[CHIN, 1] + end) / fade, 0, 1)
    shown *= 1 - neck.hangs(slim, tube, portrait, stage)
    return discs(
        placed,
        binding,
        strands.shade(colors),
        0.99 * shown,
        sigma=_SIGMA * spacing,
        normals=normals,
        along=strands.stretch,
        head=head_weight(points, portrait, stage) * neck_follow(points, portrait, neck.collar_height(points)),
    )


def _density(points: np.ndarray, portrait: Portrait, head: np.ndarray) -> np.ndarray:
    """[N] 1 in the face, more on the ears, less on the back of the head, which is nothing but smooth."""
    behind = smoothstep((portrait.canonical[list(EARS), 2].mean() - points[:, 2]) / _BEHIND_CM)
    ear, _ = on_ears(points, head)
    density: np.ndarray = np.maximum(1 - (1 - _BACK_DENSITY) * behind, _EAR_DENSITY * ear)
    return density


def _even_out(points: np.ndarray, normals: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Points [N, 3] pushed apart along their surface: splats of random ones would leave holes between them."""
    points, normals = (np.ascontiguousarray(values.T, np.float32) for values in (points, normals))  # [3, N] is faster
    reach, longest = np.float32(_PUSH_REACH) * spacing.astype(np.float32), 0.5 * spacing.astype(np.float32)
    nearest = np.empty(0)
    for step in range(_EVENING):
        if step % 3 == 0:  # they change slowly
            nearest = cKDTree(points.T).query(points.T, k=range(2, _PUSHED_BY + 2))[1].T.copy()
        way = np.zeros_like(points)
        for neighbor in nearest:
            push = points - points.take(neighbor, axis=1)
            distance = np.sqrt((push * push).sum(0))
            push *= np.maximum(reach - distance, 0) / np.maximum(distance, np.float32(1e-6))
            way += push
        way *= np.float32(_PUSH)
        way -= (way * normals).sum(0) * normals
        points += way * np.minimum(1, longest / np.maximum(np.sqrt((way * way).sum(0)), np.float32(1e-9)))
    return points.T.astype(np.float64)


def _smooth_sides(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Return the normals [N, 3], smoother at the ears: splats that face aside would show as fringes."""
    side = np.abs(points[:, 0]) > SIDE_CM
    _, around = cKDTree(points[side]).query(points[side], k=_SMOOTHED_OVER)
    smooth = normals[side]
    for _ in range(_SMOOTHED):
        smooth = smooth[around].mean(1)
        smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-9)
    normals = normals.copy()
    normals[side] = smooth
    return normals


def _openings(
    points: np.ndarray, normals: np.ndarray, portrait: Portrait, stage: Stage
) -> tuple[np.ndarray, np.ndarray]:
    """Which skin is kept [N], and how far it is the floor of the eyes' sockets [N] 0..1.

    What lies inside the mouth, or so near to it that it would hang across it, goes away; but lips that face the front,
    by their `normals` [N, 3], and that the portrait saw from their side, have no others before them that reach up to
    their line.
    """
    from_side = (normals[:, 2] > STEEP[1]) & (normals @ stage.rotation[2] <= STEEP[1])
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
            gone |= (reach < 1) & (~from_side | (distance_to(points, rim) < _LINE_CM))
        else:
            socket = np.maximum(socket, np.clip((1 - reach) / _SOCKET_RIM, 0, 1))
    return ~gone, socket


def _lines_cheeks(points: np.ndarray, normals: np.ndarray, front: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[N] bool: the inner side of cheeks and lips, which comes out through their outer side where that moves less."""
    marks = portrait.canonical
    way = marks[list(INNER_LIPS)].mean(0) - points
    inward = ((way * normals).sum(1) > 0) & (np.linalg.norm(way[:, :2], axis=1) < _FOLDS_CM)
    depth = _seen_from_front(points, front) - points[:, 2]
    inner: np.ndarray = inward & (depth > _FOLD_CM) & (points[:, 1] < marks[UNDER_NOSE, 1]) & (points[:, 2] > -3)
    return inner


def _seen_from_front(points: np.ndarray, front: np.ndarray) -> np.ndarray:
    """[N] canonical z of what a view of the head from the `front`, [S, S] such z, shows where points [N, 3] are."""
    column, row = whole_pixels(from_front(points)[:, :2], FRONT_SIZE)
    z: np.ndarray = front[row, column]
    return z


def _stay_inside(points: np.ndarray, sunk: np.ndarray, front: np.ndarray, portrait: Portrait) -> np.ndarray:
    """Return `sunk` [N, 3], but the inner side of lids and lips does not come out through their outer side."""
    before, after = (_seen_from_front(p, front) for p in (points, sunk))
    rims = portrait.canonical[[*INNER_LIPS, *LEFT_EYE_RING, *RIGHT_EYE_RING]]
    near, _ = cKDTree(rims).query(points)
    inner = (points[:, 2] < before - _FOLD_CM) & (near < _FOLDS_CM)
    return np.column_stack(
        [sunk[:, :2], np.where(inner, np.minimum(sunk[:, 2], after - _SINK_CM - _FOLD_CM), sunk[:, 2])]
    )


def _bind(points: np.ndarray, pixels: np.ndarray, portrait: Portrait, depth: FrontDepth) -> Binding:
    """Bind points [N, 3] at `pixels` [N, 3] of the crop, and stage z, to what they lie under there.

    What is hidden lies there under another part of a turned face: it is bound to what it lies under from the front.
    """
    (column, row), marks = whole_pixels(pixels[:, :2], portrait.size), from_front(portrait.canonical)
    frontal, _, _ = rasterize_mesh(marks[:468], canonical_face().triangles, FRONT_SIZE, FRONT_SIZE)
    places = from_front(points)[:, :2]
    across, down = whole_pixels(places, FRONT_SIZE)
    behind = points[:, 2] < float(portrait.canonical[:468, 2].min()) - _BEHIND_FACE_CM
    hidden = pixels[:, 2] < depth.z[row, column] - HIDDEN_CM
    ways = (
        (~hidden, pixels[:, :2], depth.face[row, column], portrait.landmarks),
        (hidden, places, frontal[down, across], marks),
    )
    binding = Binding.free(len(points))
    for rows, at, face, corners in ways:
        part = bind_to_face(points[rows], at[rows], np.where(behind, -1, face)[rows], corners[:, :2], portrait)
        binding.controls[rows], binding.weights[rows] = part.controls, part.weights
    return binding
