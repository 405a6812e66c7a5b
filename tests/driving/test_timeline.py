"""Cutting, resampling, smoothing and looping keep all arrays of a motion in step."""

from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes.driving.operations import loop, resample, smooth, trim
from gagavatar_nodes.driving.timeline import sample
from gagavatar_nodes.errors import GagavatarError
from motions import about_y, check_consistent, ramp, yaw_degrees


def noisy(frames: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    return replace(
        ramp(frames, flame=True),
        rotation=about_y(rng.normal(0, 3, frames)).astype(np.float32),
        translation=rng.normal(0, 1, (frames, 3)).astype(np.float32),
    )


def test_trim_by_frames_takes_exactly_those():
    cut = trim(ramp(flame=True), 2, 5)
    check_consistent(cut, 3)
    assert np.allclose(cut.translation[:, 0], [2, 3, 4])
    assert np.allclose(cut.flame.transform[:, 0, 3], [2, 3, 4])
    assert cut.bridged == [1]
    assert cut.flame.shape.shape == (300,)


def test_trim_by_seconds_uses_the_frame_rate():
    cut = trim(ramp(10, fps=5), 0.4, 1.0, unit="seconds")
    assert np.allclose(cut.translation[:, 0], [2, 3, 4])
    assert len(trim(ramp(10, fps=5), 1.0, unit="seconds")) == 5


@pytest.mark.parametrize(("start", "end"), [(0, 11), (-1, 5), (5, 5), (6, 4), (10, None)])
def test_trim_outside_of_the_motion_names_its_length(start, end):
    with pytest.raises(GagavatarError, match=r"10 frames \(0\.40 s\)"):
        trim(ramp(), start, end)


def test_trim_by_an_unknown_unit_is_refused():
    with pytest.raises(GagavatarError, match="'frames' or 'seconds', not by 'hours'"):
        trim(ramp(), 0, 5, unit="hours")


def test_per_frame_flame_shape_is_cut_too():
    motion = ramp(flame=True)
    shapes = np.tile(np.arange(10, dtype=np.float32)[:, None], (1, 300))
    motion = replace(motion, flame=replace(motion.flame, shape=shapes))
    assert np.array_equal(trim(motion, 4, 6).flame.shape, shapes[4:6])
    assert np.allclose(resample(motion, 50).flame.shape[3], 1.5)


def test_resample_halves_and_doubles_a_ramp_exactly():
    doubled = resample(ramp(10, flame=True), 50)
    check_consistent(doubled, 20)
    assert doubled.fps == 50
    position = np.minimum(np.arange(20) / 2, 9)
    assert np.allclose(doubled.translation[:, 0], position, atol=1e-6)
    assert np.allclose(yaw_degrees(doubled.rotation), 2 * position, atol=1e-3)
    assert np.allclose(doubled.deltas[:, 0, 0], 0.01 * position, atol=1e-4)
    assert np.allclose(doubled.flame.expression[:, 0], position / 10, atol=1e-6)
    assert np.allclose(doubled.flame.transform[:, :, :3], doubled.rotation.swapaxes(1, 2) * [-1, 1, -1], atol=1e-5)
    halved = resample(ramp(10), 12.5)
    assert np.allclose(halved.translation[:, 0], [0, 2, 4, 6, 8])


def test_resampled_rotation_is_the_shortest_turn_as_scipys_slerp():
    from scipy.spatial.transform import Rotation, Slerp

    turns = Rotation.from_quat(np.random.default_rng(0).normal(size=(6, 4)))
    motion = replace(ramp(6), rotation=turns.as_matrix().astype(np.float32))
    position = np.linspace(0, 5, 23)
    expected = Slerp(np.arange(6), turns)(position).as_matrix()
    assert np.allclose(sample(motion, position).rotation, expected, atol=1e-5)


def test_resample_keeps_bridged_frames_marked():
    assert 6 in resample(ramp(10), 50).bridged
    assert set(resample(ramp(10), 50).confidence) == {np.float32(0), np.float32(0.9)}


@pytest.mark.parametrize("fps", [0, -5, float("nan"), float("inf")])
def test_resample_to_no_frame_rate_is_refused(fps):
    with pytest.raises(GagavatarError, match=r"must be 0\.01 to 1000"):
        resample(ramp(), fps)


def test_smoothing_has_no_lag_and_keeps_constants():
    step = replace(ramp(41), translation=np.repeat([0.0, 1.0], [20, 21])[:, None].repeat(3, 1).astype(np.float32))
    smoothed = smooth(step, 0.5).translation[:, 0]
    assert np.all(np.diff(smoothed) >= -1e-6)
    assert smoothed[19] + smoothed[20] == pytest.approx(1, abs=1e-5)
    assert smoothed[0] == pytest.approx(0, abs=1e-6)
    still = replace(step, translation=np.ones_like(step.translation), rotation=about_y(np.full(41, 25.0)))
    assert np.allclose(smooth(still, 1).translation, 1)
    assert np.allclose(yaw_degrees(smooth(still, 1).rotation), 25, atol=1e-3)


def test_smoothing_lowers_jitter_and_strength_zero_changes_nothing():
    motion = noisy(60)
    jitter = [np.abs(np.diff(yaw_degrees(smooth(motion, s).rotation), 2)).mean() for s in (0, 0.3, 1)]
    assert jitter[1] < 0.5 * jitter[0]
    assert jitter[2] < 0.5 * jitter[1]
    assert smooth(motion, 0) is motion
    check_consistent(smooth(motion, 0.7), 60)


def test_smoothed_rotations_survive_the_sign_of_quaternions():
    motion = replace(ramp(50), rotation=about_y(np.linspace(150, 210, 50)).astype(np.float32))
    yaw = np.unwrap(np.radians(yaw_degrees(smooth(motion, 0.4).rotation)))
    assert np.all(np.diff(yaw) > -1e-5)
    assert np.allclose(np.degrees(yaw[20:30]), np.linspace(150, 210, 50)[20:30], atol=0.05)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_smoothing_strength_outside_of_its_range_is_refused(strength):
    with pytest.raises(GagavatarError, match="within 0 and 1"):
        smooth(ramp(), strength)


def test_loop_has_no_jump_where_it_closes():
    motion = ramp(50, flame=True)
    looped = loop(motion, 0.4)
    check_consistent(looped, 40)
    around = np.concatenate([looped.translation[:, 0], looped.translation[:1, 0]])
    assert abs(around[-1] - around[-2]) < 2.5  # 49 in the motion itself
    yaw = yaw_degrees(looped.rotation)
    assert abs(yaw[0] - yaw[-1]) < 5
    assert np.allclose(looped.translation[:30, 0], np.arange(10, 40))
    assert abs(float(looped.deltas[0, 0, 0]) - float(looped.deltas[-1, 0, 0])) < 0.03


def test_loop_blends_half_of_a_short_motion_at_most():
    assert len(loop(ramp(10), 5)) == 5
    assert len(loop(ramp(10), 0)) == 10
    with pytest.raises(GagavatarError, match="0 seconds or more"):
        loop(ramp(), -1)


@pytest.mark.parametrize(
    "operation",
    [lambda m: trim(m, 0, 1), lambda m: smooth(m, 1), lambda m: loop(m, 1), lambda m: resample(m, 10)],
)
def test_one_frame_is_a_motion_too(operation):
    check_consistent(operation(ramp(1, flame=True)), 1)


def test_one_frame_doubled_is_held():
    held = resample(ramp(1, fps=1, flame=True), 4)
    check_consistent(held, 4)
    assert np.array_equal(held.rotation, np.tile(np.eye(3, dtype=np.float32), (4, 1, 1)))


def test_operations_leave_their_input_alone():
    motion = noisy(20)
    names = ("rotation", "deltas", "confidence", "translation", "gaze", "arkit")
    before = {name: getattr(motion, name).copy() for name in names}
    for operation in (lambda m: smooth(m, 1), loop, lambda m: resample(m, 7), lambda m: trim(m, 3, 9)):
        operation(motion)
    for name, array in before.items():
        assert np.array_equal(getattr(motion, name), array), name
