"""The matte of the person in a portrait crop: segmentation, GrabCut, a trimap, closed-form matting, hair, veils."""

from __future__ import annotations

import numpy as np

from ..face.topology import FACE_OVAL
from ..packages import load_package
from .closed_form import closed_form_alpha
from .opencv import opencv
from .outline import head_outline
from .person import segment_person
from .strands import strand_alpha, with_tufts
from .veils import find_veils

METHODS = ("auto", "closed-form", "guided", "pymatting", "none")
"""`auto` is `closed-form`, ours; `guided` is faster and blurrier; `pymatting` needs that package; `none` keeps all."""

_WORK = 256
"""Edge at which GrabCut runs; the trimap's band hides its steps."""
_CERTAIN = 13
"""Pixels of that edge by which segmentation is eroded before it is believed: it fills notches beside ears and neck."""
_HAIR = 2.2
"""Size of hair over size of head beyond which a doubtful pixel is background."""
_HOLE = 0.002
"""Share of the crop under which a hole in the mask is filled."""
_FACE_MARGIN = 2 / 512
"""Of the crop's edge, by which the landmarks' outline of a face may lie outside of it."""
_BAND = 9 / 512
"""Half-width of the trimap's band, as a share of the crop's edge."""


def matte_person(
    crop: np.ndarray, landmarks: np.ndarray, method: str = "auto", inside: np.ndarray | None = None
) -> np.ndarray:
    """Alpha [S, S] float32 0..1 of the person in `crop` [S, S, 3] uint8 RGB, whose face is at `landmarks` [478, 3] px.

    `inside` [S, S] bool tells the picture from what the crop has beyond its edges.

    Raises:
        ValueError: `method` is not one of `METHODS`.
        GagavatarError: pymatting is asked for and not installed.
    """
    if method not in METHODS:
        raise ValueError(f"matting must be one of {', '.join(METHODS)}, but got {method!r}")
    if method == "none":
        return np.ones(crop.shape[:2], np.float32)
    mask = _grab_cut(crop, landmarks, inside)
    veils = find_veils(crop, mask, landmarks, inside) if method in ("auto", "closed-form") else None
    if veils is None:
        return _solid_alpha(crop, _trimap(mask, landmarks), method)
    # Before the veil is the person, behind it the ground: it is the ground of the person's matte.
    solid = _solid_alpha(crop, _trimap(veils.without(mask), landmarks), method)
    return solid + (1 - solid) * veils.alpha


def _solid_alpha(crop: np.ndarray, trimap: np.ndarray, method: str) -> np.ndarray:
    """Alpha [S, S] float32 of a person in `crop` [S, S, 3] without veils, by a trimap [S, S]."""
    if method == "pymatting":
        return _pymatting_alpha(crop, trimap)
    if method == "guided":
        return _guided_alpha(crop, trimap)
    trimap = with_tufts(crop, trimap)
    guess = _guided_alpha(crop, trimap)
    return np.maximum(closed_form_alpha(crop, trimap, guess), strand_alpha(crop, trimap))


def _grab_cut(crop: np.ndarray, landmarks: np.ndarray, inside: np.ndarray | None) -> np.ndarray:
    """Binary mask [S, S] float32: Rother et al., "GrabCut", SIGGRAPH 2004, set out from segmentation and head."""
    cv2 = opencv()
    small = cv2.resize(crop, (_WORK, _WORK), interpolation=cv2.INTER_AREA)
    if inside is not None:
        inside = cv2.resize(inside.astype(np.uint8), (_WORK, _WORK), interpolation=cv2.INTER_NEAREST) > 0
    belief = segment_person(small, inside)
    outline = head_outline(landmarks) * (_WORK / crop.shape[0])
    head = _fill_holes(outline)
    labels = np.full(belief.shape, cv2.GC_PR_BGD, np.uint8)
    labels[belief > 0.5] = cv2.GC_PR_FGD
    labels[cv2.erode((belief > 0.97).astype(np.uint8), np.ones((_CERTAIN, _CERTAIN))) > 0] = cv2.GC_FGD
    labels[(belief < 0.03) | ((belief < 0.9) & _out_of_reach(outline))] = cv2.GC_BGD
    labels[head] = cv2.GC_FGD
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(np.ascontiguousarray(small[..., ::-1]), labels, None, *models, 3, cv2.GC_INIT_WITH_MASK)
    mask = _one_piece((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), head)
    return cv2.resize(mask.astype(np.float32), crop.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _fill_holes(outline: np.ndarray) -> np.ndarray:
    canvas = np.zeros((_WORK, _WORK), np.uint8)
    opencv().fillConvexPoly(canvas, np.round(outline).astype(np.int32), 1)
    return canvas > 0


def _out_of_reach(outline: np.ndarray) -> np.ndarray:
    """Pixels above the shoulders to which only very large hair would reach."""
    low, high = outline.min(0), outline.max(0)
    center = (low + high) / 2
    reach = _fill_holes(center + (outline - center) * _HAIR)
    shoulders = int(np.clip(high[1] + 0.1 * (high[1] - low[1]), 0, _WORK))
    reach[shoulders:] = True
    return ~reach


def _one_piece(mask: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Return the parts of `mask` that hang together with the head, small holes filled."""
    cv2 = opencv()
    _, pieces = cv2.connectedComponents(mask.astype(np.uint8))
    mask = mask & np.isin(pieces, np.unique(pieces[head & mask]))
    _, holes, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    return mask | (stats[holes, cv2.CC_STAT_AREA] < _HOLE * mask.size)


def _trimap(mask: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """[S, S] float32: 1 and 0 away from the mask's edge, else 0.5; 1 in the face whatever the mask says."""
    cv2 = opencv()
    width = 2 * max(1, round(_BAND * mask.shape[0])) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    foreground = cv2.erode((mask > 0.5).astype(np.uint8), kernel, borderValue=1)
    background = cv2.erode((mask <= 0.5).astype(np.uint8), kernel, borderValue=1)
    trimap = np.full(mask.shape, 0.5, np.float32)
    trimap[foreground > 0] = 1
    trimap[background > 0] = 0
    face = cv2.fillPoly(np.zeros(mask.shape, np.uint8), [np.round(landmarks[list(FACE_OVAL), :2]).astype(np.int32)], 1)
    margin = 2 * max(1, round(_FACE_MARGIN * mask.shape[0])) + 1
    trimap[cv2.erode(face, np.ones((margin, margin), np.uint8)) > 0] = 1
    return trimap


def _guided_alpha(crop: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    """Color guided filter: He, Sun and Tang, "Guided Image Filtering", PAMI 2013, section 3.5."""
    guide = crop.astype(np.float32) / 255
    radius, epsilon = max(2, round(10 * crop.shape[0] / 512)), 1e-4
    mean_guide, mean = _box(guide, radius), _box(trimap, radius)
    products = np.stack([_box(guide * guide[..., i : i + 1], radius) for i in range(3)], axis=-1)
    covariance = products - mean_guide[..., :, None] * mean_guide[..., None, :] + epsilon * np.eye(3, dtype=np.float32)
    cross = _box(guide * trimap[..., None], radius) - mean_guide * mean[..., None]
    slope = np.linalg.solve(covariance, cross[..., None])[..., 0]
    offset = mean - (slope * mean_guide).sum(-1)
    alpha = (_box(slope, radius) * guide).sum(-1) + _box(offset, radius)
    stretched = np.clip((alpha - 0.1) / 0.8, 0, 1)
    return np.where((trimap > 0) & (trimap < 1), stretched, trimap).astype(np.float32)


def _box(values: np.ndarray, radius: int) -> np.ndarray:
    return opencv().blur(values, (2 * radius + 1, 2 * radius + 1))


def _pymatting_alpha(crop: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    remedy = "run `pip install pymatting`, or choose matting='auto'"
    pymatting = load_package("pymatting", "matting='pymatting'", "that package", remedy)
    return pymatting.estimate_alpha_cf(crop / 255.0, trimap.astype(np.float64)).astype(np.float32)
