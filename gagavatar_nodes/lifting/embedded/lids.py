"""Upper lids: the skin that an open eye folds away, and a shut one shows under its lashes.

An open eye shows of its upper lid little more than the lashes; stretched over the eye they would smear. So a lid of its
own lies folded behind the eyeball. As the eye closes it comes forward and unfolds over it: the portrait's own lashes at
its edge and its own crease at its top, and between them bare skin.
"""

from __future__ import annotations

import cv2
import numpy as np

from ...easing import smoothstep
from ...face.topology import EYE_CORNERS, LID_CREASES, LID_FOLDS, LOWER_LIDS, UPPER_LIDS, eye_openness
from ...types import Portrait
from .binding import Binding, Handle
from .completion import BLACK
from .complexion import no_grayer
from .depth import FrontDepth
from .layer import Layer, discs
from .pixels import bilinear
from .stage import Stage

_STEP_CM, _SIGMA_CM = 0.072, 0.064  # between splats along the lid and down a shut one, and their standard deviation
_LASHES_CM, _MOST_LASHES = 0.12, 0.5  # what stays whole at the edge, at most of the way to the crease
_ABOVE, _ROWS_ABOVE = 0.45, 4  # of the way from the crease, which unfolds, to the fold: there the lid runs out
_OVERLAP = 1.06  # share of the open eye that the lowest row goes down: edges must not leave a gap
_BEHIND_CM, _BEFORE_CM = 1.3, 0.35  # from the front layer: folded behind the eyeball, unfolded over what stretches
_NEAR, _MOST_CM = 7, 0.8  # splats around which it is before that layer, and by how much at most
_CREASE_FOLLOWS = 0.35  # of the edge's way, see `Retargeter`
_COMES = (0.15, 0.4)  # shares of the eye closed over which the lid comes forward
_BARE, _LIGHT = (0.4, 1.6), 80  # heights between which a lid is bare skin, and which percentile of it
_EVEN = 0.25  # of its length, in which it is lit alike
_LIT, _MOST_LIT = 0.3, 1.25  # how far its light is that of the skin below, and how much that may raise it
_CREASE = 0.3  # what is left of the crease's own color
_LASHES = (-0.15, 0.3)  # heights between which lashes are darkest
_CORNER_CM = 0.4  # from an eye's corner to where bare skin begins
_UNDER_CM = 0.45  # from the lower lid to bare skin
_GRAIN, _SHARPER = 3.0, 1.6  # splats that its grain is finer than; and stronger, for they blur it
_HUE = 0.5  # share of the skin's hue that gray lids take
_SHADE, _LINE = 0.15, 0.45  # bare skin is darker where it curves under, and lashes at least as dark as this


def lid_layer(portrait: Portrait, stage: Stage, depth: FrontDepth) -> Layer:
    """Return the upper lids of both eyes, folded; the image's left one first."""
    return Layer.stack([_lid(portrait, stage, depth, side, handle) for side, handle in enumerate(_HANDLES)])


_HANDLES = (Handle.LEFT_LID, Handle.RIGHT_LID)


def lid_handles(canonical: np.ndarray, displacements: np.ndarray) -> np.ndarray:
    """[2] centimeters by which the lids have come forward, from landmarks [478, 3] and their displacements."""
    own = eye_openness(canonical)
    closed = 1 - eye_openness(canonical + displacements) / np.maximum(own, 1e-3)
    low, high = _COMES
    come: np.ndarray = (_BEHIND_CM + _BEFORE_CM) * smoothstep((closed - low) / (high - low))
    return come


def _lid(portrait: Portrait, stage: Stage, depth: FrontDepth, side: int, handle: Handle) -> Layer:
    outer, inner = EYE_CORNERS[side]
    chains = np.array([[outer, *row[side], inner] for row in (UPPER_LIDS, LID_CREASES, LID_FOLDS, LOWER_LIDS)])
    length = np.linalg.norm(np.diff(portrait.canonical[chains[0]], axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(length)])
    u = (np.arange(round(float(along[-1]) / _STEP_CM)) + 0.5) * _STEP_CM
    segment = np.clip(np.searchsorted(along, u, side="right") - 1, 0, len(length) - 1)
    part = (u - along[segment]) / length[segment]
    marks = portrait.landmarks.astype(np.float64)
    edge, crease, fold, lower = (
        (1 - part)[:, None] * marks[c[segment]] + part[:, None] * marks[c[segment + 1]] for c in chains
    )

    open_cm, lid_cm = (np.linalg.norm(a - edge, axis=1).max() / stage.scale for a in (lower, crease))
    height, share = _rows(lid_cm, open_cm, min(_LASHES_CM / lid_cm, _MOST_LASHES))
    places = _places(edge, crease, fold, height)
    z = -places[..., 2].ravel() / stage.scale
    points = stage.unproject(places[..., :2].reshape(-1, 2), z - _BEHIND_CM)
    binding = Binding.free(len(points))
    columns = np.stack([chains[0][segment], chains[0][segment + 1], np.full(len(u), handle)], 1)
    binding.controls[:, :3] = np.broadcast_to(columns, (len(height), *columns.shape)).reshape(-1, 3)
    follows = (_CREASE_FOLLOWS + (1 - _CREASE_FOLLOWS) * share)[:, None]
    binding.weights[:, :2] = np.stack([follows * (1 - part), follows * part], -1).reshape(-1, 2)
    # Beside the nose of a turned head what stretches lies far before the landmarks' rows.
    before = cv2.dilate(bilinear(depth.z, places) - z.reshape(len(height), -1), np.ones((_NEAR, _NEAR)))
    raised = np.clip(before.ravel(), 0, _MOST_CM)
    binding.weights[:, 2] = 1 + raised / (_BEHIND_CM + _BEFORE_CM)
    under = _under(portrait, edge, lower, _STEP_CM * stage.scale, len(height))
    inside = np.minimum(u, along[-1] - u)
    colors = _colors(portrait, edge, crease, fold, under, height, share)
    own = _at(portrait, edge, crease, fold, height)
    colors = own + smoothstep(inside / _CORNER_CM)[:, None] * (colors - own)
    shown = 0.97 * smoothstep((1 + _ABOVE - height) / _ABOVE)[:, None] * smoothstep(2.5 * inside / _CORNER_CM)
    return discs(stage.to_canonical(points), binding, colors.reshape(-1, 3), shown.ravel(), _SIGMA_CM)


def _rows(lid: float, opening: float, lashes: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows from the edge up: heights [R], edge 0, crease 1, fold 2, and how much they go with the edge [R].

    Arguments are centimeters of the lid and of the open eye, and the height under which all goes whole.
    """
    count = [max(2, round(length / _STEP_CM)) for length in (lashes * lid, opening + (1 - lashes) * lid)]
    edge, bare = (np.linspace(0, 1, n, endpoint=False) for n in count)
    above = 1 + _ABOVE * np.arange(_ROWS_ABOVE) / _ROWS_ABOVE
    height = np.concatenate([[0], lashes * edge, lashes + (1 - lashes) * bare, above])
    share = np.concatenate([[_OVERLAP], np.ones(len(edge)), 1 - bare, np.zeros(len(above))])
    return height, share


def _colors(
    portrait: Portrait,
    edge: np.ndarray,
    crease: np.ndarray,
    fold: np.ndarray,
    under: np.ndarray,
    height: np.ndarray,
    share: np.ndarray,
) -> np.ndarray:
    """[R, U, 3] of rows as `_rows` gives them: the portrait's own lashes, then bare skin and a trace of the crease.

    Its light is what is seen of the lid; its hue, its grain and some of its light are those of the skin `under` the eye
    [R, U, 3].
    """
    bare = np.percentile(_at(portrait, edge, crease, fold, np.linspace(*_BARE, 13)), _LIGHT, axis=0)
    bare = _evenly_lit(bare, under)
    own = _at(portrait, edge, crease, fold, np.maximum(height, height[2]))
    own = np.stack([cv2.GaussianBlur(row[None], (0, 0), sigmaX=1.0)[0] for row in own])
    lashes = _at(portrait, edge, crease, fold, np.linspace(*_LASHES, 7)).min(0)
    line = np.minimum(cv2.GaussianBlur(lashes[None], (0, 0), sigmaX=1.0)[0], _LINE * bare)
    shaded = bare * (1 - _SHADE * np.square(share))[:, None, None] * _grain(under)
    whole = np.where(share >= 1, 1.0, smoothstep((2 * share - 1) * 4 - 3))
    whole += _CREASE * (share <= 0)
    colors = shaded + whole[:, None, None] * (own - shaded)
    colors[share >= 1] = line
    return colors


def _evenly_lit(bare: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Return colors [U, 3] of a lid without dark corners, in some of the light and of the hue of `skin` [R, U, 3]."""
    size = 2 * round(_EVEN * len(bare) / 2) + 1
    bare = cv2.morphologyEx(bare[None].astype(np.float32), cv2.MORPH_CLOSE, np.ones((1, size)))[0]
    usual, light = np.median(skin.reshape(-1, 3), axis=0), bare.mean(1, keepdims=True)
    more = np.clip((usual.mean() / max(float(np.median(light)), 1e-3)) ** _LIT, 1, _MOST_LIT)
    bare += (more - 1) * light * usual / max(float(usual.mean()), 1e-3)  # in the skin's hue: shade is more colorful
    bare = cv2.GaussianBlur(bare[None], (0, 0), max(1.0, len(bare) / 12))[0]
    return _with_hue(bare, skin)


def _under(portrait: Portrait, edge: np.ndarray, lower: np.ndarray, step: float, rows: int) -> np.ndarray:
    """[R, U, 3] the skin under the eye, `step` pixels between rows, from below its lashes down."""
    down = (lower - edge).mean(0)[:2]
    down = down / max(float(np.hypot(*down)), 1e-6)
    way = step * (_UNDER_CM / _STEP_CM + np.arange(rows))
    places = lower[None, :, :2] + way[:, None, None] * down
    return _pixels(portrait, places)


def _with_hue(bare: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Colors [U, 3] no grayer than `skin` [R, U, 3] would be in their light."""
    gray = np.log(bare + BLACK).mean(1)
    tones = np.log(np.geomspace(0.02, 4, 50)[:, None] * np.median(skin.reshape(-1, 3), axis=0) + BLACK)
    light = tones.mean(1)
    hue = np.stack([np.interp(gray, light, tone - light) for tone in tones.T], 1)
    return no_grayer(bare, hue, _HUE)


def _grain(skin: np.ndarray) -> np.ndarray:
    """[R, U, 1] light and dark of the fine structure of skin [R, U, 3], around 1."""
    values = np.log(skin.mean(2) + BLACK)
    fine = values - cv2.GaussianBlur(values, (0, 0), _GRAIN)
    usual = 3 * 1.48 * np.median(np.abs(fine))
    return np.exp(_SHARPER * np.clip(fine, -usual, usual))[..., None]


def _at(portrait: Portrait, edge: np.ndarray, crease: np.ndarray, fold: np.ndarray, height: np.ndarray) -> np.ndarray:
    """[R, U, 3] float32 colors of the portrait at heights [R]: edge 0, crease 1, fold 2, rows of pixels [U, 2+]."""
    return _pixels(portrait, _places(edge, crease, fold, height)[..., :2])


def _places(edge: np.ndarray, crease: np.ndarray, fold: np.ndarray, height: np.ndarray) -> np.ndarray:
    """[R, U, 2+] rows of pixels at heights [R], of those of the edge, the crease and the fold [U, 2+]."""
    h = height[:, None, None]
    return np.where(h < 1, edge + h * (crease - edge), crease + (h - 1) * (fold - crease))


def _pixels(portrait: Portrait, places: np.ndarray) -> np.ndarray:
    """[R, U, 3] float32 colors 0..1 of the portrait at pixels [R, U, 2]."""
    return bilinear(portrait.crop, places) / np.float32(255)
