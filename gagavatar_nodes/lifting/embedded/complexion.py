"""Colors of the whole head: those of the portrait, completed over what it does not show."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates

from ...easing import ramp, smoothstep
from ...face.topology import (
    BROWS,
    CHIN,
    FACE_OVAL,
    INNER_LIPS,
    LEFT_EYE_RING,
    NOSE,
    OUTER_LIPS,
    RIGHT_EYE_RING,
)
from ...types import Portrait
from .completion import BLACK, Sight, Surface, mirrored
from .depth import FrontDepth, cliffs
from .ears import hair_over_ears, on_ears
from .frontal import distance_to
from .grain import Grain
from .hair import scalp_weight
from .head_fit import skin_triangles
from .mesh import rasterize_mesh
from .pixels import polygon, whole_pixels
from .regions import Regions
from .shading import Shading
from .stage import Stage
from .steep import OUTLINE_CM

HIDDEN_CM = 0.6
"""What lies so far behind the front of the head is not seen."""

_EDGE_ON, _SEEN_ASLANT = 0.42, 0.1  # cosines to the camera under which a contour's colors are no skin's, no hair's
_UNDERSIDE_CM, _UNDERSIDE = 2.0, (0.1, 0.5)  # over the chin the jaw has one, where it faces down by these cosines
_SURE, _TONES = 0.9, 16  # trust in what is seen of skin, and steps of its light
_HAIR_CM = 3.0  # and in its hair
_OPAQUE, _CLIFF_CM = 0.9, 0.4  # of the matte, and between the depths of pixels
_SATURATED = 0.5  # of the hue that skin in its light has, where light was only carried on
_LIKELY = 0.4  # how far the light of skin counts where none was seen, against what it joins: within two centimeters
_CONTOUR_CM = (0.2, 0.5)  # from one, within which pixels hold colors of both sides
_BEFORE = 0.5  # of the way from skin to what is seen aslant as well, along the near side of a contour within the face
_COPIED = 0.5  # of the grain comes with detail of the mirrored side, whose fineness splats hold by half
_FEATURES_CM = 0.8  # how far features reach beyond their outline
_GRAY = 0.05  # of a hue's strength, as a logarithm: less is none


@dataclass(frozen=True)
class _Side:
    """Points of the head, or their twins on its other side."""

    points: np.ndarray
    """[N, 3] canonical."""
    normals: np.ndarray
    """[N, 3] on the stage."""
    pixels: np.ndarray
    """[N, 3] of the crop, and stage z."""
    distance: np.ndarray
    """[N] centimeters from the nearest contour."""
    before: np.ndarray
    """[N] 0..1 whether they are on its near side."""

    @staticmethod
    def of(points: np.ndarray, normals: np.ndarray, stage: Stage, contours: np.ndarray) -> _Side:
        """Return where points [N, 3] with canonical normals [N, 3] are, given the maps of `_contours` [S, S, 2]."""
        pixels = stage.project(stage.from_canonical(points))
        return _Side(points, normals @ stage.rotation.T, pixels, *_sample(contours, pixels).T)


def skin_colors(
    points: np.ndarray,
    normals: np.ndarray,
    portrait: Portrait,
    stage: Stage,
    depth: FrontDepth,
    head: np.ndarray,
    regions: Regions,
) -> tuple[np.ndarray, np.ndarray]:
    """Return colors [N, 3] of points of the head [N, 3] with normals [N, 3], and [N] 0..1 how far they are unseen hair.

    What the portrait does not show has the light of the shown skin near it, and the detail of the mirrored side of the
    face, which is nearly symmetric.
    """
    mirror = np.array([-1.0, 1.0, 1.0])
    placed, size = stage.project(stage.from_canonical(head)), portrait.size
    _, _, front = rasterize_mesh(placed, skin_triangles(), size, size)
    contours = _contours(depth, portrait, stage)
    own, _ = sides = [_Side.of(points * m, normals * m, stage, contours) for m in (1, mirror)]
    seen, twin = (_sight(side, portrait, front, regions) for side in sides)
    shading = Shading.of(own.normals, seen.colors, seen.trust * (1 - seen.hair))
    seen, twin = (
        _without_rims(sight, shading.likeness(side.normals, sight.colors), side)
        for sight, side in zip((seen, twin), sides, strict=True)
    )
    surface = Surface.of(points, normals)
    ear, light = on_ears(points, head)
    bare = ear * (1 - _hair_over_ears(points, ear, own.pixels, front, portrait, regions))
    hair = surface.hair(seen, twin, scalp_weight(points, portrait) * (1 - bare))
    behind = _sample(regions.behind, own.pixels)
    under = _underside(points, normals, portrait) * (1 - hair)
    skin = shading.colors(own.normals)
    skin += under[:, None] * (regions.under - skin)
    unknown = 1 - np.maximum(seen.trust, twin.trust)
    guess = skin + hair[:, None] * (behind - skin)
    # Of plain skin the other side has nothing of its own but its shadows, which would lie here as blots.
    detail = replace(twin, trust=twin.trust * np.maximum(np.maximum(hair, ear), _near_features(points, portrait)))
    # Mirrored hair has only its detail from the other side: skin beside it would make it gray.
    likely = np.maximum(hair * (1 - seen.trust), np.maximum(under, _LIKELY) * unknown)
    colors = surface.colors(seen, detail, hair, guess, likely)
    folds = unknown * (1 - hair) * (light - 1)
    copied = mirrored(seen, detail)
    made = np.maximum(copied, _SATURATED * (1 - seen.trust))
    colors = as_saturated(colors * (1 + folds)[:, None], seen, hair, made)
    plain = (1 - seen.trust) * (1 - _COPIED * copied) * (1 - hair)
    return Grain.of(portrait, stage, regions).over(colors, points, normals, plain), (1 - seen.trust) * hair


def _hair_over_ears(
    points: np.ndarray, ear: np.ndarray, pixels: np.ndarray, front: np.ndarray, portrait: Portrait, regions: Regions
) -> np.ndarray:
    """[N] `hair_over_ears` of points [N, 3] at `pixels` [N, 3] of the crop, over a head of depth `front` [S, S]."""
    column, row = whole_pixels(pixels[:, :2], portrait.size)
    shown = (pixels[:, 2] > front[row, column] - HIDDEN_CM) * portrait.alpha[row, column]
    hair = (regions.hair * (1 - np.maximum(regions.face, regions.skin)))[row, column]
    return hair_over_ears(points, ear, shown, hair)


def _underside(points: np.ndarray, normals: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[N] 0..1 whether points [N, 3] with normals [N, 3] are on the jaw's underside."""
    low, high = _UNDERSIDE
    down = smoothstep((-normals[:, 1] - low) / (high - low))
    return down * smoothstep(1 - (points[:, 1] - portrait.canonical[CHIN, 1]) / _UNDERSIDE_CM)


def as_saturated(colors: np.ndarray, seen: Sight, hair: np.ndarray, copied: np.ndarray) -> np.ndarray:
    """Return colors [N, 3] 0..1 of skin, where `copied` [N] 0..1 no grayer than what was `seen` in the same light.

    What is `hair` [N] 0..1 stays. Skin in the shade has more of its hue than skin in the light: detail of the mirrored
    side, laid on light that burns out, would be gray.
    """
    sure = seen.trust * (1 - hair) > _SURE
    if sure.sum() < _TONES**2:
        return colors
    shown, gray = np.log(seen.colors[sure] + BLACK), np.log(colors + BLACK).mean(1)
    order = np.argsort(shown.mean(1))
    by_light = [shown[part] for part in np.array_split(order, _TONES)]
    light = np.array([part.mean() for part in by_light])
    hues = np.array([np.median(part - part.mean(1, keepdims=True), axis=0) for part in by_light])
    hue = np.stack([np.interp(gray, light, channel) for channel in hues.T], 1)
    return no_grayer(colors, hue, copied * (1 - hair))


def no_grayer(colors: np.ndarray, hue: np.ndarray, much: np.ndarray | float) -> np.ndarray:
    """Return colors [N, 3] 0..1 with what they lack of `hue` [N, 3], by `much` [N] 0..1 of it.

    A hue is what a color's channels differ by from their mean, as logarithms of the colors and `BLACK`.
    """
    values = np.log(colors + BLACK)
    share = ((values - values.mean(1, keepdims=True)) * hue).sum(1) / np.maximum((hue**2).sum(1), _GRAY**2)
    lack = np.clip(1 - share, 0, 1) * much
    return np.clip(np.exp(values + lack[:, None] * hue) - BLACK, 0, 1)


def _sight(side: _Side, portrait: Portrait, front: np.ndarray, regions: Regions) -> Sight:
    """Return what the portrait shows of a side of the head, whose depth is `front` [S, S]."""
    pixels = side.pixels
    bare = np.maximum(regions.face, regions.skin) * (1 - regions.locks)
    maps = np.stack([np.maximum(bare, regions.throat), regions.hair, regions.throat, regions.locks], 2)
    bare, hair, throat, locks = _sample(maps, pixels).T
    hair *= (1 - bare) * (1 - _in_face(side.points, portrait) * (1 - locks))
    aslant = np.maximum(hair, throat)
    aslant = np.maximum(aslant, _BEFORE * side.before)
    hidden = HIDDEN_CM + hair * (_HAIR_CM - HIDDEN_CM)
    trust = _visibility(side.normals[:, 2], pixels, portrait, front, aslant, hidden)
    trust *= aslant + (1 - aslant) * ramp(side.distance, *_CONTOUR_CM)
    # Beside the face, shade and what hangs before the skin are none of its colors.
    trust *= np.maximum(bare, hair)
    return Sight(trust, _sample(portrait.crop / np.float32(255), pixels), hair)


def _in_face(points: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[N] 0..1 within the oval of the face: what the portrait shows beside its far cheek is none of it."""
    oval = portrait.canonical[list(FACE_OVAL)]
    low, size = oval[:, :2].min(0) - 1, 256
    scale = size / (np.ptp(oval[:, :2], axis=0).max() + 2)
    inside = polygon((oval[:, :2] - low) * scale, size)
    at = (points[:, :2] - low) * scale
    before = np.clip(points[:, 2] - oval[:, 2].min() + 1, 0, 1)
    return map_coordinates(inside, at[:, ::-1].T, order=1, mode="constant") * before


def _near_features(points: np.ndarray, portrait: Portrait) -> np.ndarray:
    """[N] 0..1 whether points [N, 3] are at the eyes and brows, or at the nose and the mouth."""
    marks, distance = portrait.canonical, np.full(len(points), np.inf)
    for feature in (marks[[*BROWS, *LEFT_EYE_RING, *RIGHT_EYE_RING]], marks[[*NOSE, *OUTER_LIPS]]):
        hull = cv2.convexHull(feature[:, :2].astype(np.float32), returnPoints=False)[:, 0]
        distance = np.minimum(distance, distance_to(points, feature[hull]))
    return (1 - smoothstep(distance / _FEATURES_CM)) * (points[:, 2] > marks[list(FACE_OVAL), 2].min())


def _without_rims(sight: Sight, likely: np.ndarray, side: _Side) -> Sight:
    """Return the sight of a side without what lies along contours and is not `likely` [N] skin.

    As a rim of light, or a lock of hair; but a nose's own side, in its shade, stays.
    """
    unlike = (1 - likely) * (1 - ramp(side.distance, *OUTLINE_CM)) * (1 - sight.hair) * (1 - side.before)
    return replace(sight, trust=sight.trust * (1 - unlike))


def _contours(depth: FrontDepth, portrait: Portrait, stage: Stage) -> np.ndarray:
    """[S, S, 2] float32 centimeters from contours, whose pixels hold colors of both sides, and 0..1 their near side.

    They are the matte's and the depth's, as beside a nose that stands before its cheek; near sides are those of the
    latter, within the face.
    """
    near, far = cliffs(depth.z, _CLIFF_CM)
    edge = portrait.alpha < _OPAQUE
    edge[tuple(near.T)] = edge[tuple(far.T)] = True
    distance = distance_transform_edt(~edge) / stage.scale
    both = (depth.face[tuple(near.T)] >= 0) & (depth.face[tuple(far.T)] >= 0)
    sides = np.ones((2, *edge.shape), bool)
    for side, ends in zip(sides, (near, far), strict=True):
        side[tuple(ends[both].T)] = False
    own, other = (distance_transform_edt(side) / stage.scale for side in sides)
    before = (own < other) * (1 - ramp(own, *OUTLINE_CM))
    return np.stack([distance, before], 2).astype(np.float32)


def _visibility(
    facing: np.ndarray,
    pixels: np.ndarray,
    portrait: Portrait,
    front: np.ndarray,
    aslant: np.ndarray,
    hidden: np.ndarray,
) -> np.ndarray:
    """[N] 0..1 how well the source view shows each point: facing the camera, in front, inside the matte, no opening.

    What is `aslant` [N] 0..1 may be seen from its side as well: hair, and the jaw's underside. What is `hidden` [N]
    centimeters behind the front is not seen.
    """
    size = portrait.size
    column, row = whole_pixels(pixels[:, :2], size)
    edge_on = _EDGE_ON + aslant * (_SEEN_ASLANT - _EDGE_ON)
    facing = np.clip((facing - edge_on) / 0.3, 0, 1)
    in_front = pixels[:, 2] > front[row, column] - hidden
    mouth = polygon(portrait.landmarks[list(INNER_LIPS), :2], size)[row, column] < 0.1
    return facing * in_front * mouth * (portrait.alpha[row, column] > _OPAQUE)


def _sample(image: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Bilinear values [N, C] of an image [S, S, C] at pixels [N, 2 or more]."""
    at = pixels[:, 1::-1].T
    return np.stack([map_coordinates(c, at, order=1, mode="nearest") for c in np.moveaxis(image, -1, 0)], 1)
