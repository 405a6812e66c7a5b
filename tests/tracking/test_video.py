import numpy as np
import pytest

from gagavatar_nodes.errors import FaceError
from gagavatar_nodes.face.pose import yaw_pitch_roll
from gagavatar_nodes.face.topology import eye_openness, mouth_aperture
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import ARKIT_NAMES

FPS = 24


def canonical(motion):
    return motion.neutral + motion.deltas.astype(np.float32)


def correlation(a, b):
    return np.corrcoef(a, b)[0, 1]


@pytest.fixture(scope="module")
def motion(driver_frames):
    return track_video(driver_frames, FPS, source="synthetic head")


@pytest.fixture(scope="module")
def raw_motion(driver_frames):
    return track_video(driver_frames, FPS, smoothing=0)


def test_motion_has_the_documented_shapes(motion):
    assert len(motion) == 72
    assert motion.fps == FPS
    assert motion.source == "synthetic head"
    for name, shape, dtype in (
        ("rotation", (72, 3, 3), np.float32),
        ("translation", (72, 3), np.float32),
        ("scale", (72,), np.float32),
        ("neutral", (478, 3), np.float32),
        ("deltas", (72, 478, 3), np.float16),
        ("arkit", (72, len(ARKIT_NAMES)), np.float32),
        ("gaze", (72, 2, 2), np.float32),
        ("confidence", (72,), np.float32),
    ):
        array = getattr(motion, name)
        assert (array.shape, array.dtype) == (shape, dtype), name
    assert motion.bridged == []


def test_head_turns_are_read_from_the_landmarks(motion, driver_truth):
    yaw, pitch, roll = yaw_pitch_roll(motion.rotation).T
    assert np.degrees(np.abs(yaw - driver_truth[:, 0])).mean() < 2
    assert correlation(yaw, driver_truth[:, 0]) > 0.99
    assert np.degrees(np.abs(pitch - driver_truth[:, 1])).mean() < 5  # the model flattens pitch, of this face by half
    assert correlation(pitch, driver_truth[:, 1]) > 0.93
    assert np.degrees(np.abs(roll)).mean() < 2


def test_mouth_and_lids_follow_jaw_and_blink(motion, driver_truth):
    jaw, blink = driver_truth[:, 2], driver_truth[:, 3]
    face = canonical(motion)
    assert correlation(mouth_aperture(face), jaw) > 0.92
    assert correlation(eye_openness(face).mean(1), blink) < -0.92
    assert correlation(motion.arkit[:, ARKIT_NAMES.index("eyeBlinkLeft")], blink) > 0.85
    assert correlation(motion.arkit[:, ARKIT_NAMES.index("jawOpen")], jaw) > 0.8


def test_the_neutral_frame_has_open_eyes_and_a_closed_mouth(motion, driver_truth):
    face = canonical(motion)
    at_rest = int(np.abs(motion.deltas).sum((1, 2)).argmin())
    assert np.abs(motion.deltas[at_rest]).max() == 0
    assert driver_truth[at_rest, 2] < 0.1
    assert driver_truth[at_rest, 3] == 0
    assert mouth_aperture(motion.neutral) < np.quantile(mouth_aperture(face), 0.6)


def test_the_filter_takes_jitter_away(motion, raw_motion):
    def jitter(m):
        return np.sqrt((np.diff(canonical(m), 2, axis=0) ** 2).sum(-1).mean())

    assert jitter(motion) < 0.8 * jitter(raw_motion)


def test_frames_without_a_face_are_bridged_and_listed(driver_frames, raw_motion):
    blank = np.full_like(driver_frames[0], 90)
    frames = list(driver_frames[:40])
    gaps = [0, 1, 12, 13, 14, 38, 39]
    for i in gaps:
        frames[i] = blank
    motion = track_video(frames, FPS, smoothing=0)
    assert motion.bridged == gaps
    np.testing.assert_array_equal(motion.rotation[0], motion.rotation[2])
    np.testing.assert_array_equal(motion.deltas[39], motion.deltas[37])
    middle = (motion.deltas[11].astype(float) + motion.deltas[15]) / 2
    np.testing.assert_allclose(motion.deltas[13], middle, atol=2e-3)
    np.testing.assert_allclose(motion.rotation[13] @ motion.rotation[13].T, np.eye(3), atol=1e-5)
    yaw = yaw_pitch_roll(motion.rotation)[:, 0]
    assert min(yaw[11], yaw[15]) <= yaw[13] <= max(yaw[11], yaw[15])
    seen = [i for i in range(2, 38) if i not in gaps]
    np.testing.assert_allclose(motion.rotation[seen], raw_motion.rotation[seen], atol=0.03)


def test_a_video_without_a_face_is_refused_by_name(empty_room):
    with pytest.raises(FaceError, match=r"room\.mp4: no face was found in any of the 3 frames"):
        track_video([empty_room] * 3, FPS, source="room.mp4")


def test_the_chosen_of_several_people_is_followed_and_never_swapped(driver_frames, driver_truth):
    """Two heads side by side, the right one 30 frames ahead; the left one hides for a while."""
    frames = [np.concatenate([a, b], axis=1) for a, b in zip(driver_frames[:30], driver_frames[30:60], strict=True)]
    width = driver_frames[0].shape[1]
    for i in (12, 13, 14, 15):
        frames[i] = frames[i].copy()
        frames[i][:, :width] = 90
    for point, part, gaps in (((width * 0.5, 224), 0, [12, 13, 14, 15]), ((width * 1.5, 224), 30, [])):
        motion = track_video(frames, FPS, smoothing=0, face=point)
        assert motion.bridged == gaps
        yaw = yaw_pitch_roll(motion.rotation)[:, 0]
        assert np.degrees(np.abs(yaw - driver_truth[part : part + 30, 0])).mean() < 2


def test_on_frame_sees_every_frame_and_progress_counts(driver_frames):
    seen, counted = [], []
    frames = [np.zeros_like(driver_frames[0]), *driver_frames[:3], np.zeros_like(driver_frames[0])]

    def on_frame(index, image, points, bridged):
        seen.append((index, image is frames[index], None if points is None else points.shape, bridged))

    track_video(iter(frames), FPS, on_frame=on_frame, progress=counted.append)
    shape = (478, 3)
    expected = [None, shape, shape, shape, shape]
    assert seen == [(i, True, expected[i], i in (0, 4)) for i in range(5)]
    assert counted == [1, 2, 3, 4, 5]


def test_position_and_size_do_not_depend_on_the_resolution(driver_frames):
    import cv2

    small = [cv2.resize(f, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for f in driver_frames[:5]]
    a, b = track_video(driver_frames[:5], FPS, smoothing=0), track_video(small, FPS, smoothing=0)
    np.testing.assert_allclose(a.scale, b.scale, rtol=0.02)
    np.testing.assert_allclose(a.translation[:, :2], b.translation[:, :2], atol=0.25)  # cm


def test_a_single_picture_is_a_motion_whose_expression_counts(driver_frames, driver_truth):
    open_mouth = int(driver_truth[:, 2].argmax())
    motion = track_video([driver_frames[open_mouth]], FPS)
    assert len(motion) == 1
    assert motion.arkit[0, ARKIT_NAMES.index("jawOpen")] > 0.2
    assert mouth_aperture(canonical(motion))[0] > mouth_aperture(motion.neutral) + 0.5
    blink = int(driver_truth[:, 3].argmax())
    motion = track_video([driver_frames[blink]], FPS)
    assert eye_openness(canonical(motion)).mean() < 0.6 * eye_openness(motion.neutral).mean()
