"""Irises: found where a drawn eye has them, and gone from where they were."""

from __future__ import annotations

import numpy as np
import pytest

from gagavatar_nodes.lifting.embedded.eyes import eye_layers
from gagavatar_nodes.lifting.embedded.irises import Iris, find_iris, iris_alpha, iris_texture
from gagavatar_nodes.lifting.embedded.stage import Stage

SIZE, RADIUS, CENTER = 96, 12.0, np.array([46.0, 45.0])
WHITE, BROWN = np.array([0.85, 0.8, 0.75]), np.array([0.3, 0.2, 0.15])
NODES = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1)


def almond() -> np.ndarray:
    """[SIZE, SIZE] an open eye whose upper lid covers the top of its iris."""
    x, y = NODES[..., 0] - 48.0, NODES[..., 1] - 48.0
    return (np.abs(y) < 12 * (1 - np.square(x / 34))).astype(np.float32)


def eye(softness: float) -> np.ndarray:
    """[SIZE, SIZE, 3] an iris on white, with a catchlight, whose edge is that many pixels wide."""
    distance = np.linalg.norm(NODES - CENTER, axis=-1)
    iris = np.clip((RADIUS - distance) / softness + 0.5, 0, 1)[..., None]
    color = WHITE + iris * (BROWN - WHITE)
    color[np.linalg.norm(NODES - CENTER - [3, -4], axis=-1) < 2.5] = 1.0
    return color


@pytest.mark.parametrize("miss", [(2.5, -2.0), (-3.0, 1.5), (0.0, 0.0)])
def test_an_iris_is_found_where_landmarks_miss_it(miss):
    found = find_iris(eye(2).mean(-1), almond(), Iris(CENTER + miss, 1.12 * RADIUS))
    assert abs(found.center[0] - CENTER[0]) < 1.2
    assert abs(found.radius - RADIUS) < 1.2


def test_an_eye_without_contrast_keeps_the_landmarks_iris():
    guess = Iris(CENTER + 2, RADIUS)
    assert find_iris(np.full((SIZE, SIZE), 0.4), almond(), guess) is guess


@pytest.mark.parametrize("softness", [2.0, 6.0])
def test_an_iris_over_white_is_the_portrait(softness):
    color, distance, seen = eye(softness), Iris(CENTER, RADIUS).distance(NODES), almond() > 0.5
    white = np.broadcast_to(WHITE, color.shape)
    alpha = iris_alpha(color, white, distance, seen)[..., None]
    drawn = alpha * iris_texture(color, distance, seen) + (1 - alpha) * white
    edge = seen & (np.abs(distance - 1) < 0.35)
    assert np.abs(drawn - color)[edge].mean() < 0.05
    half = alpha[..., 0][seen & (np.abs(distance - 1) < 0.04)]
    assert 0.2 < half.mean() < 0.8


def test_the_white_under_an_iris_is_no_iris_and_darker_under_the_upper_lid(portrait):
    stage = Stage.of(portrait)
    hidden, _ = eye_layers(portrait, stage)
    pixels = stage.project(stage.from_canonical(hidden.points))[:, :2]
    column, row = np.round(pixels).astype(int).T
    light, own = hidden.colors.mean(1), portrait.crop[row, column].mean(1) / 255
    for eye_ in (column < portrait.size / 2, column >= portrait.size / 2):
        top, middle = np.percentile(pixels[eye_, 1], [8, 50])
        high, low = eye_ & (pixels[:, 1] < top), eye_ & (pixels[:, 1] > middle)
        assert np.median(light[low]) > 1.4 * np.median(own[low])  # 1.8 and 2.0
        assert np.median(light[high]) < 0.92 * np.median(light[low])  # 0.79 and 0.84
