"""Cloth beside the face, which stays with the body: ruffs, high collars, scarves over a shoulder."""

from __future__ import annotations

import cv2
import numpy as np

from ...face.topology import BROWS, CHIN, INNER_LIPS
from ...types import Portrait
from .regions import Regions
from .stage import Stage

_COLORS = 6  # of cloth, and of the head
_SAMPLES, _FEW = 4000, 400  # pixels
_BELOW_CM = 2.0  # under the chin what is not skin is cloth
_SOFT_CM = 0.35
_UNDER_CHIN = 0.5  # there it goes with the neck in part
_SURE = (0.6, 0.85)


def cloth_beside(portrait: Portrait, stage: Stage, regions: Regions) -> np.ndarray:
    """[S, S] float32 0..1: how surely pixels over the chin's height are cloth.

    By color, cloth is what is seen under the chin, the head what is seen over the brows and close beside the face; it
    is cloth only where it hangs together with that under the chin.
    """
    size, marks = portrait.size, portrait.landmarks
    rows = np.arange(size)[:, None]
    opaque = portrait.alpha > 0.9
    plain = opaque & (regions.skin < 0.3) & (regions.face == 0)
    below = plain & (rows > marks[CHIN, 1] + _BELOW_CM * stage.scale)
    brows = marks[list(BROWS), 1].mean()
    beside = cv2.dilate(regions.face, np.ones((2 * int(0.6 * stage.scale) + 1,) * 2)) > 0
    head = opaque & ((rows < brows) | (beside & (rows < marks[list(INNER_LIPS), 1].mean())))
    if min(below.sum(), head.sum()) < _FEW:
        return np.zeros((size, size), np.float32)
    lab = cv2.GaussianBlur(cv2.cvtColor(portrait.crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), (0, 0), 2)
    lab = lab * np.array([0.7, 1, 1], np.float32)  # shade tells less than hue
    to_cloth, to_head = (_nearest(lab, _palette(lab[seed])) for seed in (below, head))
    likely = to_head / np.maximum(to_cloth + to_head, 1e-3)
    likely = cv2.GaussianBlur(likely.astype(np.float32), (0, 0), _SOFT_CM * stage.scale)
    low, high = _SURE
    middle = marks[list(INNER_LIPS), 1].mean()
    under = np.clip((rows - brows) / (middle - brows), 0, 1)
    cloth = np.where(plain, np.clip((likely - low) / (high - low), 0, 1) * under, 0)
    _, parts = cv2.connectedComponents(((cloth > 0.3) | below).astype(np.uint8))
    hanging = np.isin(parts, np.unique(parts[below]))
    cloth = np.where(below, _UNDER_CHIN, cloth * hanging).astype(np.float32)
    return cv2.GaussianBlur(cloth, (0, 0), _SOFT_CM * stage.scale)


def _palette(colors: np.ndarray) -> np.ndarray:
    """[K, 3] the colors that stand for many [N, 3]."""
    some = np.ascontiguousarray(colors[:: max(1, len(colors) // _SAMPLES)])
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, _, centers = cv2.kmeans(some, _COLORS, np.empty(0), stop, 2, cv2.KMEANS_PP_CENTERS)
    return centers


def _nearest(lab: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """[S, S] distance to the nearest color of a palette."""
    nearest: np.ndarray = np.min([np.linalg.norm(lab - color, axis=2) for color in palette], axis=0)
    return nearest
