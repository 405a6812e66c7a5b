import numpy as np
import pytest

from contracts import RecordingAvatar
from gagavatar_nodes.errors import FaceError
from gagavatar_nodes.face.pose import yaw_pitch_roll
from gagavatar_nodes.face.topology import mouth_aperture
from gagavatar_nodes.live import LiveDriver
from gagavatar_nodes.tracking.live import LiveTracker
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import ARKIT_NAMES

FPS = 24


def faces(motions):
    return np.concatenate([m.neutral + m.deltas.astype(np.float64) for m in motions])


@pytest.fixture(scope="module")
def live(driver_frames):
    """All frames of the driver, fed one by one."""
    tracker = LiveTracker(FPS)
    return tracker, [tracker.feed(frame) for frame in driver_frames]


def test_every_frame_gives_a_motion_of_one_frame(live):
    tracker, motions = live
    assert all(len(motion) == 1 and motion.fps == FPS for motion in motions)
    assert all(motion.deltas.dtype == np.float16 and motion.arkit.shape == (1, 52) for motion in motions)
    assert tracker.last_latency_ms > 0


def test_head_and_mouth_follow_without_delay(live, driver_truth):
    _, motions = live
    yaw = yaw_pitch_roll(np.concatenate([m.rotation for m in motions]))[:, 0]
    assert np.degrees(np.abs(yaw - driver_truth[:, 0])).mean() < 2
    aperture = mouth_aperture(faces(motions))
    jaw = driver_truth[:, 2]
    at = [np.corrcoef(aperture[2:], jaw[2 - late : len(jaw) - late])[0, 1] for late in (0, 1, 2)]
    assert at[0] > 0.9
    assert np.argmax(at) <= 1


def test_without_smoothing_live_landmarks_are_those_of_the_video(driver_frames):
    tracker = LiveTracker(FPS, smoothing=0)
    motions = [tracker.feed(frame) for frame in driver_frames[:6]]
    video = track_video(driver_frames[:6], FPS, smoothing=0)
    np.testing.assert_allclose(faces(motions), video.neutral + video.deltas.astype(np.float64), atol=5e-3)
    np.testing.assert_array_equal(np.concatenate([m.translation for m in motions]), video.translation)
    np.testing.assert_array_equal(np.concatenate([m.scale for m in motions]), video.scale)


def test_the_neutral_settles_once_by_itself(live, driver_truth):
    tracker, motions = live
    assert tracker.neutral_version == 2
    assert len(tracker.rest) == 12
    np.testing.assert_array_equal(motions[11].neutral, motions[-1].neutral)
    assert np.abs(motions[0].neutral - motions[-1].neutral).max() > 0.01
    assert np.abs(tracker.rest.deltas).sum((1, 2)).min() < 1


def test_a_lost_face_is_found_again(driver_frames, driver_truth):
    tracker, blank = LiveTracker(FPS), np.full_like(driver_frames[0], 90)
    frames = [blank, *driver_frames[:8], *[blank] * 5, *driver_frames[8:14]]
    seen = [tracker.feed(frame) for frame in frames]
    assert [i for i, motion in enumerate(seen) if motion is None] == [0, 9, 10, 11, 12, 13]
    yaw = yaw_pitch_roll(np.concatenate([m.rotation for m in seen[14:]]))[:, 0]
    assert np.degrees(np.abs(yaw - driver_truth[8:14, 0])).mean() < 2


def test_the_neutral_can_be_set_again_while_running(driver_frames, driver_truth):
    tracker = LiveTracker(FPS)
    opened = driver_frames[int(driver_truth[:, 2].argmax())]
    jaw = ARKIT_NAMES.index("jawOpen")
    for frame in driver_frames[:12]:
        tracker.feed(frame)
    before = [tracker.feed(opened) for _ in range(14)][-1]
    tracker.reset_neutral()
    after = tracker.feed(opened)
    assert before.arkit[0, jaw] > 0.2
    assert after.arkit[0, jaw] < 0.05
    assert np.abs(after.deltas).max() < 0.15
    np.testing.assert_allclose(faces([after]), faces([before]), atol=0.1)


def test_a_neutral_needs_a_face(driver_frames):
    tracker = LiveTracker(FPS)
    with pytest.raises(FaceError, match="calm face"):
        tracker.reset_neutral()
    with pytest.raises(FaceError):
        _ = tracker.rest
    for frame in driver_frames[:3]:
        tracker.feed(frame)
    neutral = tracker.feed(driver_frames[3]).neutral
    for _ in range(12):
        assert tracker.feed(np.zeros_like(driver_frames[0])) is None
    with pytest.raises(FaceError):
        tracker.reset_neutral()
    np.testing.assert_array_equal(tracker.feed(driver_frames[4]).neutral, neutral)


def test_an_avatar_follows_the_live_frames(avatar, driver_frames, driver_truth):
    avatar, tracker = RecordingAvatar(avatar), LiveTracker(FPS)
    driver = LiveDriver(avatar, tracker)
    assert driver.feed(np.zeros_like(driver_frames[0])) is None
    shown = [driver.feed(frame) for frame in driver_frames[:40]]
    assert avatar.bound == 2
    sources = [performance.retargeter for performance in shown]
    lips = np.array([p.displacements(0)[13, 1] - p.displacements(0)[14, 1] for p in sources])
    assert np.corrcoef(lips[12:], driver_truth[12:40, 2])[0, 1] > 0.9
    turned = [yaw_pitch_roll(p.placement(0).rotation)[0] for p in sources]
    assert np.degrees(np.abs(np.array(turned) - driver_truth[:40, 0])).mean() < 2
    tracker.reset_neutral()
    driver.feed(driver_frames[40])
    assert avatar.bound == 3
