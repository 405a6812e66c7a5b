"""A mouth behind something: the frames are named, and it rests there."""

import numpy as np
import pytest

import films
import odd_films
from gagavatar_nodes.tracking.bridging import faults, frames_of
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import ARKIT_NAMES, COVERED

HIDDEN = range(*odd_films.COVERED.indices(36))
JAW = ARKIT_NAMES.index("jawOpen")


@pytest.mark.parametrize("thing", ["hand", "microphone"])
def test_a_covered_mouth_is_named_and_rests(thing):
    motion = track_video(odd_films.covered(thing), films.FPS / 2)
    named = frames_of(motion.extra[COVERED])
    assert set(HIDDEN) <= named
    assert named <= set(range(HIDDEN.start - 3, HIDDEN.stop + 3))
    assert motion.bridged == []
    assert motion.arkit[HIDDEN.start + 5 : HIDDEN.stop - 5, JAW].max() < 0.05
    assert faults(motion) == [f"something covers the mouth in frames {motion.extra[COVERED]}: it rests there"]


def test_light_that_comes_and_goes_covers_nothing():
    lamps = 0.4 * np.sin(np.arange(36) / 4)[:, None] * np.linspace(-1, 1, films.SIZE)
    lit = [
        np.uint8(np.clip(frame * (1 + lamp[:, None]), 0, 255))
        for frame, lamp in zip(films.driver()[::2], lamps, strict=True)
    ]
    assert COVERED not in track_video(lit, films.FPS / 2).extra


def test_ranges_of_frames_are_read_again():
    assert frames_of("") == set()
    assert frames_of("3, 7-9, 12") == {3, 7, 8, 9, 12}
