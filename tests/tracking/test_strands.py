import cv2
import numpy as np
import pytest

from gagavatar_nodes.tracking.closed_form import closed_form_alpha
from gagavatar_nodes.tracking.strands import with_tufts

HAIR, WALL = (70, 45, 25), (200, 190, 175)
HEAD, BAND = 120, 9


def _head():
    """Distances [512, 512] of pixels from the outline of a round head, and its trimap."""
    y, x = np.mgrid[0:512, 0:512].astype(np.float32)
    outside = np.hypot(x - 256, y - 256) - HEAD
    return outside, np.where(outside < -BAND, 1, np.where(outside > BAND, 0, 0.5)).astype(np.float32)


def _picture(shape):
    """Picture [512, 512, 3] uint8 and alpha [512, 512] of the head and a `shape` [512, 512], over a grainy wall."""
    outside, _ = _head()
    alpha = np.maximum(np.clip(0.5 - outside, 0, 1), cv2.GaussianBlur(shape, (0, 0), 0.7))[..., None]
    grain = np.random.default_rng(0).normal(0, 4, (512, 512, 1))
    return np.clip(np.round(alpha * HAIR + (1 - alpha) * (WALL + grain)), 0, 255).astype(np.uint8), alpha[..., 0]


def _horn(width, reach, start=-6):
    drawn = np.zeros((512, 512), np.uint8)
    for way in np.linspace(0, 1, 24):
        center = (round(256 + HEAD + start + reach * way), round(256 - 12 * np.sin(2.5 * way)))
        cv2.circle(drawn, center, round(width / 2 * (1 - 0.5 * way)), 1, -1)
    return drawn.astype(np.float32)


@pytest.mark.parametrize("width", [16, 24])
def test_a_curl_wider_than_a_strand_is_kept(width):
    outside, trimap = _head()
    picture, alpha = _picture(_horn(width, 44))
    found = with_tufts(picture, trimap)
    solved = closed_form_alpha(picture, found, found)
    off = (outside > BAND) & (cv2.dilate((alpha > 0.02).astype(np.uint8), np.ones((5, 5))) > 0)
    assert np.abs(solved - alpha)[off].sum() < 0.15 * alpha[off].sum()
    assert solved[(alpha < 0.02) & (outside > BAND)].mean() < 0.001


@pytest.mark.parametrize(
    "shape", [_horn(90, 90), _horn(16, 44, start=30)], ids=["a chair in the hair's color", "a spot beside it"]
)
def test_what_stands_behind_is_no_tuft(shape):
    _, trimap = _head()
    np.testing.assert_array_equal(with_tufts(_picture(shape)[0], trimap), trimap)
