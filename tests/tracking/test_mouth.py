"""A mouth that lies outside of the picture invents nothing."""

import numpy as np
import pytest

import films
from gagavatar_nodes.tracking.bridging import faults
from gagavatar_nodes.tracking.live import LiveTracker
from gagavatar_nodes.tracking.mouth import fill_unseen, mouth_is_seen, resting
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import ARKIT_NAMES, MOUTHS

JAW, BLINK = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("eyeBlinkLeft")
ABOVE_THE_MOUTH = 262
"""Row of the painted head, also where it looks up."""


def cut_off(frames):
    return [np.ascontiguousarray(frame[:ABOVE_THE_MOUTH]) for frame in frames]


def sinking(frames, fall):
    """The camera rises, so that the mouth leaves the picture, and comes back."""
    return [films.placed(frame, 1.0, 0, down) for frame, down in zip(frames, fall, strict=True)]


@pytest.fixture(scope="module")
def whole():
    return track_video(films.driver(), films.FPS)


def test_a_mouth_that_is_never_seen_rests_and_the_eyes_go_on(whole):
    motion = track_video(cut_off(films.driver()), films.FPS)
    assert motion.extra[MOUTHS] == "0-71"
    assert faults(motion) == ["the mouth is outside of the picture in frames 0-71: it rests there"]
    assert motion.arkit[:, JAW].max() < 0.02
    assert np.corrcoef(motion.arkit[:, BLINK], whole.arkit[:, BLINK])[0, 1] > 0.8
    assert np.ptp(whole.arkit[:, JAW]) > 0.2, "he talks"


def test_a_mouth_that_leaves_the_picture_comes_to_rest_and_moves_again(whole):
    fall = 185 * np.clip((32 - np.abs(np.arange(72) - 36)) / 12, 0, 1)
    motion = track_video(sinking(films.driver(), fall), films.FPS)
    assert motion.bridged == []
    outside = np.flatnonzero(fall > 184)
    assert len(outside) > 36
    assert motion.extra[MOUTHS].count(",") == 0, "one range of frames"
    assert np.abs(motion.arkit[outside[12:-12], JAW]).max() < 0.05
    inside = fall < 30
    assert np.abs(motion.arkit[inside, JAW] - whole.arkit[inside, JAW]).mean() < 0.06
    assert np.abs(np.diff(motion.arkit[:, JAW])).max() < 0.12, "it does not snap"


def test_a_whole_face_is_not_touched(whole):
    assert MOUTHS not in whole.extra


def test_values_are_held_between_what_was_seen_and_fade_where_that_is_long_ago():
    values, times = np.full((60, 2), 5.0), np.arange(60) / 10
    values[30:] = 9.0
    seen = np.ones(60, bool)
    seen[[0, 28, 29, 30, 31]] = False
    seen[40:] = False
    parts = fill_unseen(values, seen, times)
    filled = {int(index): row for frames, rows in parts for index, row in zip(frames, rows, strict=True)}
    assert filled[0] == pytest.approx(5 * resting(0.1))
    assert 5 * resting(0.2) < filled[29][0] < filled[31][0] < 9
    assert filled[40][0] == pytest.approx(9 * resting(0.1))
    assert np.abs(filled[44]).max() == np.abs(filled[59]).max() == 0


def test_a_side_of_the_picture_hides_a_mouth_too(whole):
    points = np.zeros((478, 3))
    points[:, :2] = 50
    assert mouth_is_seen(points, (100, 100, 3))
    for x, y in ((-5, 50), (105, 50), (50, -5), (50, 105)):
        points[:, :2] = x, y
        assert not mouth_is_seen(points, (100, 100, 3))


def test_a_webcam_that_looks_above_the_mouth_shows_it_at_rest():
    live = LiveTracker(fps=films.FPS)
    for frame in films.driver()[:16]:
        live.feed(frame)
    jaws = [live.feed(frame).arkit[0, JAW] for frame in sinking(films.driver()[16:40], np.full(24, 170.0))]
    assert max(jaws[12:]) < 0.05
