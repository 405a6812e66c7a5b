"""Sequences of frames: each is what it would be alone, in its order, however many are drawn at a time."""

import time
from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.rendering.drawing import draw_frames, square_camera
from scenes import CAMERA, assert_same_image, scene


def frames(count):
    """One scene, brighter from frame to frame."""
    g = scene(300)
    return [replace(g, features=g.features * (k + 1) / count) for k in range(count)]


@pytest.mark.parametrize("threads", ["1", "2", "5"])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_frames_come_in_order_as_each_would_be_alone(threads, count, monkeypatch):
    monkeypatch.setenv("GAGAVATAR_THREADS", threads)
    drawn = [tuple(part.copy() for part in one) for one in draw_frames(((g, CAMERA) for g in frames(count)), 60, 44)]
    camera = square_camera(CAMERA, 60, 44)
    assert len(drawn) == count
    for one, g in zip(drawn, frames(count), strict=True):
        for got, truth in zip(one, rasterize(g, camera, 60, 44), strict=True):
            assert_same_image(got, truth)


def test_a_frame_stays_until_the_next_is_asked_for(monkeypatch):
    monkeypatch.setenv("GAGAVATAR_THREADS", "2")
    for image, alpha in draw_frames(((g, CAMERA) for g in frames(9)), 40, 40):
        held = image.copy(), alpha.copy()
        time.sleep(0.01)  # the next ones are drawn meanwhile
        assert (image == held[0]).all()
        assert (alpha == held[1]).all()


def test_no_frames_are_drawn_of_none_and_a_bad_one_is_named_after_those_before(monkeypatch):
    monkeypatch.setenv("GAGAVATAR_THREADS", "2")
    assert list(draw_frames(iter(()), 40, 40)) == []
    good, bad = frames(4), frames(1)[0]
    bad = replace(bad, means=np.full_like(bad.means, np.nan))
    drawn = draw_frames(((g, CAMERA) for g in [*good, bad]), 40, 40)
    for _ in good:
        next(drawn)
    with pytest.raises(ValueError, match="means"):
        next(drawn)
