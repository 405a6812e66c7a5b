"""Cloth beside the face, which stays with the body: ruffs, high collars, scarves over a shoulder."""

from __future__ import annotations

import cv2
import numpy as np

from ...easing import smoothstep
from ...face.topology import BROWS, CHIN, FACE_OVAL, INNER_LIPS
from ...types import Portrait
from .regions import Regions
from .stage import Stage
from .throat import like_shade

_COLORS = 12  # of cloth, and of the head
_SAMPLES, _FEW = 4000, 400  # pixels
_BELOW_CM, _NECK_CM = 2.0, 6.0  # under the chin, beside and under the neck, what is not skin is cloth
_BESIDE_CM = (2.0, 0.6)  # the face what is over the lips is hair, higher up and lower down
_SOFT_CM = 0.35
_UNDER_CHIN = 0.5  # there it goes with the neck in part, but for collars
_SHADE = (0.05, 0.3)  # likeness to skin in the jaw's shade: up to the first it is none
_COLLAR_CM = 1.0  # over the chin, what is beside it is rather hair
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
    aside, collar = _beside_neck(portrait, stage), _no_neck(portrait, stage, regions)
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
    to_head = _nearest(lab, _palette(lab[head]))
    height = np.where(under, _UNDER_CHIN, np.clip((rows - brows) / (middle - brows), 0, 1))
    cloth = np.zeros(opaque.shape, np.float32)
    for seed, share in ((below, height * aside), (plain & under & (collar > 0.5), collar)):
        sure = _sure(_nearest(lab, _palette(lab[seed])), to_head, stage)
        np.maximum(cloth, _hanging(np.where(plain, sure * share, 0), below), out=cloth)
    return cv2.GaussianBlur(cloth, (0, 0), _SOFT_CM * stage.scale)


def _hanging(cloth: np.ndarray, below: np.ndarray) -> np.ndarray:
    """[S, S] of cloth [S, S] what hangs together with that `below` [S, S] bool."""
    _, parts = cv2.connectedComponents(((cloth > 0.3) | below).astype(np.uint8))
    return (cloth * np.isin(parts, np.unique(parts[below]))).astype(np.float32)


def _sure(to_cloth: np.ndarray, to_head: np.ndarray, stage: Stage) -> np.ndarray:
    """[S, S] 0..1 how surely a color is cloth's by its distances [S, S] to both."""
    likely = (to_head + _NOISE) / (to_cloth + to_head + 2 * _NOISE)
    likely = cv2.GaussianBlur(likely.astype(np.float32), (0, 0), _SOFT_CM * stage.scale)
    low, high = _SURE
    return np.clip((likely - low) / (high - low), 0, 1)


def _beside_neck(portrait: Portrait, stage: Stage) -> np.ndarray:
    """[S, S] 0 on the neck, which in the shade has no color of skin, to 1 beside, over and under it."""
    marks, across = portrait.landmarks, np.arange(portrait.size)
    half = np.ptp(marks[list(FACE_OVAL), 0]) / 2
    beside = smoothstep((np.abs(across - marks[CHIN, 0]) / half - 0.5) / 0.8)
    neck = (across > marks[CHIN, 1]) & (across < marks[CHIN, 1] + _NECK_CM * stage.scale)
    return np.where(neck[:, None], beside, 1)


def _no_neck(portrait: Portrait, stage: Stage, regions: Regions) -> np.ndarray:
    """[S, S] 0..1 under the chin how surely pixels are no skin, not even in the jaw's shade: collars up to the neck."""
    bare = np.maximum(regions.skin, like_shade(portrait.crop / np.float32(255), regions.jaw))
    under = (np.arange(portrait.size)[:, None] - portrait.landmarks[CHIN, 1]) / stage.scale
    none, some = _SHADE
    return smoothstep((some - bare) / (some - none)) * smoothstep(1 + under / _COLLAR_CM)


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
