"""What is skin and what is hair, on pictures of flat colors."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from gagavatar_nodes.lifting.embedded.head_fit import fit_head
from gagavatar_nodes.lifting.embedded.lift import parse_portrait
from gagavatar_nodes.lifting.embedded.stage import Stage

COLORS = {"in color": ((205, 150, 125), (40, 30, 25)), "in gray": ((170, 170, 170), (40, 40, 40))}


@pytest.fixture(params=COLORS.values(), ids=COLORS.keys())
def painted(request, portrait):
    """A face of skin under a lock of hair that hangs from its left over the temple, with a bar as of glasses."""
    skin, hair = request.param
    face = portrait.landmarks[:468, :2]
    (left, top), (right, bottom) = face.min(0).astype(int), face.max(0).astype(int)
    size = portrait.size
    crop = np.full((size, size, 3), skin, np.uint8)
    crop[:top] = hair
    crop[:, : left - 4] = hair
    lock = np.zeros((size, size), bool)
    lock[top - 20 : top + (bottom - top) // 3, : left + (right - left) // 6] = True
    crop[lock] = hair
    bar = np.zeros((size, size), bool)
    row = int(portrait.landmarks[[33, 263], 1].mean())
    bar[row - 2 : row + 2, right - (right - left) // 6 :] = True
    crop[bar] = hair
    painted = replace(portrait, crop=crop, alpha=np.ones_like(portrait.alpha))
    regions, _ = parse_portrait(painted, Stage.of(painted), fit_head(painted.canonical))
    return regions, lock, bar


def test_a_lock_over_the_temple_is_no_skin(painted):
    regions, lock, _ = painted
    within = cv2.erode((lock & (regions.face > 0)).astype(np.uint8), np.ones((13, 13))) > 0
    assert within.sum() > 100
    assert np.median(regions.locks[within]) > 0.9


def test_skin_and_a_bar_as_of_glasses_are_no_hair(painted):
    regions, lock, bar = painted
    assert regions.locks[cv2.dilate(lock.astype(np.uint8), np.ones((9, 9))) == 0].max() < 0.1
    assert regions.locks[bar & ~lock].max() < 0.1
