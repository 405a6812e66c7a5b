"""Cloth beside the face, which stays with the body: ruffs, high collars, scarves over a shoulder."""

from __future__ import annotations

import cv2
import numpy as np

from ...easing import smoothstep
from ...face.topology import BROWS, CHIN, FACE_OVAL, INNER_LIPS
from ...types import Portrait
from .regions import Regions
from .stage import Stage

_COLORS = 12  # of cloth, and of the head
_SAMPLES, _FEW = 4000, 400  # pixels
_BELOW_CM, _NECK_CM = 2.0, 6.0  # under the chin, beside and under the neck, what is not skin is cloth
_BESIDE_CM = (2.0, 0.6)  # the face what is over the lips is hair, higher up and lower down
_SOFT_CM = 0.35
_UNDER_CHIN = 0.5  # there it goes with the neck in part
_NOISE = 3.0  # CIELAB units: colors that differ by less tell nothing
_SURE = (0.6, 0.76)


def cloth_beside(portrait: Portrait, stage: Stage, regions: Regions) -> np.ndarray:
    """[S, S] float32 0..1: how surely pixels over the chin's height are cloth.

    By color, cloth is what is seen under the chin, the head what is seen over the brows and close beside the face; it
    is cloth only where it hangs together with that under the chin.
    """
    marks, rows = portrait.landmarks, np.arange(portrait.size)[:, None]
    opaque = portrait.alpha > 0.9
    plain = opaque & (regions.skin < 0.3) & (regions.face == 0)
    under = rows > marks[CHIN, 1] + _BELOW_CM * stage.scale
    aside = _beside_neck(portrait, stage)
    below = plain & under & (aside > 0.5)
    brows = marks[list(BROWS), 1].mean()
    middle = marks[list(INNER_LIPS), 1].mean()
    beside, near = (
        cv2.dilate(regions.face, np.ones((2 * int(reach * stage.scale) + 1,) * 2)) > 0 for reach in _BESIDE_CM
    )
    head = opaque & ((rows < brows) | (near & (rows < middle)) | (beside & (rows < (brows + middle) / 2)))
    if min(below.sum(), head.sum()) < _FEW:
        return np.zeros(opaque.shape, np.float32)
    lab = cv2.GaussianBlur(cv2.cvtColor(portrait.crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), (0, 0), 2)
    lab = lab * np.array([0.7, 1, 1], np.float32)  # shade tells less than hue
    to_cloth, to_head = (_nearest(lab, _palette(lab[seed])) for seed in (below, head))
    likely = (to_head + _NOISE) / (to_cloth + to_head + 2 * _NOISE)
    likely = cv2.GaussianBlur(likely.astype(np.float32), (0, 0), _SOFT_CM * stage.scale)
    low, high = _SURE
    height = np.where(under, _UNDER_CHIN, np.clip((rows - brows) / (middle - brows), 0, 1))
    cloth = np.where(plain, np.clip((likely - low) / (high - low), 0, 1) * height * aside, 0)
    _, parts = cv2.connectedComponents(((cloth > 0.3) | below).astype(np.uint8))
    hanging = np.isin(parts, np.unique(parts[below]))
    return cv2.GaussianBlur((cloth * hanging).astype(np.float32), (0, 0), _SOFT_CM * stage.scale)


def _beside_neck(portrait: Portrait, stage: Stage) -> np.ndarray:
    """[S, S] 0 on the neck, which in the shade has no color of skin, to 1 beside, over and under it."""
    marks, across = portrait.landmarks, np.arange(portrait.size)
    half = np.ptp(marks[list(FACE_OVAL), 0]) / 2
    beside = smoothstep((np.abs(across - marks[CHIN, 0]) / half - 0.5) / 0.8)
    neck = (across > marks[CHIN, 1]) & (across < marks[CHIN, 1] + _NECK_CM * stage.scale)
    return np.where(neck[:, None], beside, 1)


def _palette(colors: np.ndarray) -> np.ndarray:
    """[K, 3] the colors that stand for many [N, 3]."""
    some = np.ascontiguousarray(colors[:: max(1, len(colors) // _SAMPLES)])
    by_light = (_COLORS * np.argsort(np.argsort(some[:, 0])) // len(some)).astype(np.int32)[:, None]
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, _, centers = cv2.kmeans(some, _COLORS, by_light, stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    return centers


def _nearest(lab: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """[S, S] distance to the nearest color of a palette."""
    square = np.full(lab.shape[:2], np.inf, np.float32)
    for color in palette:
        difference = lab - color
        np.minimum(square, np.einsum("ijc,ijc->ij", difference, difference), out=square)
    return np.sqrt(square)
