"""Built-in motions do what their names say, smoothly, and end where they begin."""

import numpy as np
import pytest

from gagavatar_nodes.driving.builtin import BUILTIN_NAMES, builtin_motion
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.face.arkit import arkit_deltas, gaze_of
from gagavatar_nodes.face.pose import yaw_pitch_roll
from gagavatar_nodes.face.topology import MOUTH_CORNERS, eye_openness
from gagavatar_nodes.types import ARKIT_NAMES
from motions import check_consistent


def landmarks(motion):
    return motion.neutral + motion.deltas.astype(np.float32)


def lip_gap(motion):
    points = landmarks(motion)
    return points[:, 13, 1] - points[:, 14, 1]


def weight(motion, name):
    return motion.arkit[:, ARKIT_NAMES.index(name)]


def degrees(motion):
    return np.degrees(yaw_pitch_roll(motion.rotation))


@pytest.mark.parametrize("name", BUILTIN_NAMES)
def test_every_motion_is_sound_and_moves(name):
    motion = builtin_motion(name)
    check_consistent(motion, len(motion))
    assert motion.fps == 25
    assert len(motion) >= 50
    assert motion.arkit.min() >= 0
    assert motion.arkit.max() <= 1
    assert np.ptp(motion.deltas.astype(np.float32), axis=0).max() > 0.3
    assert motion.bridged == []
    assert name in motion.source


@pytest.mark.parametrize("name", BUILTIN_NAMES)
def test_every_motion_closes_as_smoothly_as_it_runs(name):
    motion = builtin_motion(name, fps=60)
    points, turn = landmarks(motion), degrees(motion)
    for track, quiet in ((points, 0.02), (turn, 0.2), (motion.translation, 0.02), (motion.gaze, 0.01)):
        steps = np.abs(np.diff(track, axis=0)).reshape(len(track) - 1, -1).max(1)
        seam = np.abs(track[0] - track[-1]).max()
        assert seam <= max(np.percentile(steps, 90), quiet)
    assert np.abs(np.diff(turn, axis=0)).max() < 2.5


@pytest.mark.parametrize("name", BUILTIN_NAMES)
def test_every_motion_blinks_with_both_eyes_and_shuts_them(name):
    openness = eye_openness(landmarks(builtin_motion(name)))
    assert np.all(openness.min(0) < 0.1)
    assert np.all(np.median(openness, axis=0) > 0.22)


@pytest.mark.parametrize("fps", [8, 12, 15, 24, 30, 60])
def test_a_blink_shuts_the_eyes_at_any_frame_rate(fps):
    motion = builtin_motion("blink", fps=fps)
    assert weight(motion, "eyeBlinkLeft").max() == pytest.approx(1, abs=1e-5)
    assert np.all(eye_openness(landmarks(motion)).min(0) < 0.1)


def test_landmarks_gaze_and_weights_agree():
    motion = builtin_motion("look_around")
    assert np.abs(motion.deltas - arkit_deltas(motion.arkit)).max() < 0.05
    assert np.allclose(gaze_of(landmarks(motion)), motion.gaze, atol=2e-3)


def test_nod_goes_down_more_than_once_and_hardly_sideways():
    yaw, pitch, _ = degrees(builtin_motion("nod")).T
    down = pitch > 4
    assert np.count_nonzero(down[1:] & ~down[:-1]) >= 2
    assert pitch.max() > 8
    assert np.abs(yaw).max() < 2


def test_shake_goes_to_both_sides_more_than_once_and_hardly_nods():
    yaw, pitch, _ = degrees(builtin_motion("shake")).T
    assert yaw.max() > 10
    assert yaw.min() < -10
    assert np.count_nonzero(np.diff(np.sign(yaw[np.abs(yaw) > 3])) != 0) >= 3
    assert np.abs(pitch).max() < 3


def test_look_around_turns_both_ways_and_the_eyes_arrive_before_the_head():
    motion = builtin_motion("look_around")
    yaw, gaze = degrees(motion)[:, 0], motion.gaze[..., 0].mean(1)
    assert yaw.max() > 15
    assert yaw.min() < -15
    first_glance = np.argmax(np.abs(gaze - gaze[0]) > 0.1)
    first_turn = np.argmax(np.abs(yaw) > 11)
    assert first_glance < first_turn
    assert np.sign(gaze[first_glance] - gaze[0]) == np.sign(yaw[first_turn])


def test_talk_has_closed_pauses_and_syllables_of_differing_height():
    motion = builtin_motion("talk", fps=50)
    gap = lip_gap(motion)
    closed = gap < 0.1
    assert 0.15 < closed.mean() < 0.7
    edges = np.flatnonzero(np.diff(np.concatenate([[0], closed, [0]]).astype(int)))
    assert (edges[1::2] - edges[::2]).max() > 0.3 * 50
    peaks = gap[1:-1][(gap[1:-1] > gap[:-2]) & (gap[1:-1] >= gap[2:]) & (gap[1:-1] > 0.2)]
    assert 8 <= len(peaks) <= 30
    assert peaks.std() / peaks.mean() > 0.15
    width = np.linalg.norm(np.diff(landmarks(motion)[:, list(MOUTH_CORNERS)], axis=1), axis=-1)
    assert np.ptp(width) > 0.5


def test_smile_lifts_the_corners_and_surprise_opens_eyes_and_mouth():
    smile = landmarks(builtin_motion("smile"))
    assert np.ptp(smile[:, MOUTH_CORNERS[0], 1]) > 0.6
    surprise = builtin_motion("surprise")
    assert eye_openness(landmarks(surprise)).max() > 1.25 * eye_openness(surprise.neutral).max()
    assert lip_gap(surprise).max() > 1
    assert weight(surprise, "browInnerUp").max() > 0.7


def test_idle_is_subtle():
    motion = builtin_motion("idle")
    assert np.abs(degrees(motion)).max() < 3
    assert np.ptp(motion.translation[:, 1]) > 0.05
    assert lip_gap(motion).max() < 0.25


@pytest.mark.parametrize("seconds", [1.0, 5.0, 13.3])
def test_length_is_as_asked_and_still_closes(seconds):
    motion = builtin_motion("nod", seconds=seconds, fps=30)
    check_consistent(motion, round(seconds * 30))
    turn = degrees(motion)
    assert np.abs(turn[0] - turn[-1]).max() <= np.abs(np.diff(turn, axis=0)).max() + 1e-6


def test_a_motion_is_the_same_every_time():
    first, second = builtin_motion("idle", 10), builtin_motion("idle", 10)
    assert np.array_equal(first.deltas, second.deltas)
    assert np.array_equal(first.rotation, second.rotation)


def test_an_unknown_name_is_answered_with_the_list_and_the_closest():
    with pytest.raises(GagavatarError, match=r"idle, nod, shake, .*surprise\. Did you mean 'smile'"):
        builtin_motion("smil")


@pytest.mark.parametrize(
    ("seconds", "fps"), [(0, 25), (-1, 25), (float("nan"), 25), (1e9, 25), (3, 0), (3, float("inf"))]
)
def test_lengths_that_make_no_sense_are_refused(seconds, fps):
    with pytest.raises(GagavatarError, match="above 0"):
        builtin_motion("nod", seconds, fps)
