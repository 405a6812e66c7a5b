"""Strength of the head's movement, and orbits."""

from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes.driving.pose import orbit, orbit_path, rotation_of, scale_head_pose
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.face.pose import yaw_pitch_roll
from motions import about_y, check_consistent, ramp, yaw_degrees


@pytest.mark.parametrize("strength", [0.0, 0.25, 0.5, 2.0])
def test_yaw_scales_from_the_front(strength):
    scaled = scale_head_pose(ramp(flame=True), strength)
    check_consistent(scaled, 10)
    assert np.allclose(yaw_degrees(scaled.rotation), strength * 2 * np.arange(10), atol=1e-3)
    assert np.allclose(scaled.translation[:, 0], 4.5 + strength * (np.arange(10) - 4.5), atol=1e-5)


def test_yaw_scales_from_the_mean_where_asked():
    scaled = scale_head_pose(ramp(11, first_yaw=20), 0.5, about="mean")
    assert np.allclose(yaw_degrees(scaled.rotation), 30 + 0.5 * (2 * np.arange(11) - 10), atol=1e-3)
    still = scale_head_pose(ramp(11, first_yaw=20), 0, about="mean")
    assert np.allclose(yaw_degrees(still.rotation), 30, atol=1e-3)


def test_scale_keeps_its_median_and_ratios_become_powers():
    motion = ramp(11)
    scaled = scale_head_pose(motion, 0.5)
    assert np.median(scaled.scale) == pytest.approx(np.median(motion.scale), rel=1e-5)
    assert scaled.scale[10] / scaled.scale[0] == pytest.approx(np.sqrt(motion.scale[10] / motion.scale[0]), rel=1e-5)


def test_flame_camera_turns_with_the_head():
    scaled = scale_head_pose(ramp(flame=True), 0.5)
    assert np.allclose(scaled.flame.transform[:, :, :3], scaled.rotation.swapaxes(1, 2) * [-1, 1, -1], atol=1e-5)


def test_a_single_frame_faces_the_camera_at_strength_zero_and_stays_about_its_mean():
    picture = replace(ramp(1), rotation=about_y([40.0]).astype(np.float32))
    assert np.allclose(yaw_degrees(scale_head_pose(picture, 0).rotation), 0, atol=1e-3)
    assert np.allclose(yaw_degrees(scale_head_pose(picture, 0, about="mean").rotation), 40, atol=1e-3)


def test_poses_that_make_no_sense_are_refused():
    with pytest.raises(GagavatarError, match="0 or more"):
        scale_head_pose(ramp(), -1)
    with pytest.raises(GagavatarError, match="'front' or 'mean', not 'side'"):
        scale_head_pose(ramp(), 1, about="side")


def test_rotation_of_angles_is_read_back_by_the_tracker():
    angles = np.random.default_rng(0).uniform(-1, 1, (20, 3))
    assert np.allclose(yaw_pitch_roll(rotation_of(*angles.T)), angles, atol=1e-5)


@pytest.mark.parametrize("kind", ["sweep", "circle", "figure8"])
def test_orbits_reach_their_angles_and_close(kind):
    path = orbit_path(kind, 30, 20, 4, 25)
    assert path.shape == (100, 3, 3)
    assert path.dtype == np.float32
    yaw, pitch, roll = np.degrees(yaw_pitch_roll(path)).T
    assert np.abs(roll).max() < 1e-3
    for angle, limit in ((yaw, 30), (pitch, 20)):
        assert angle.max() == pytest.approx(limit, abs=0.2)
        assert angle.min() == pytest.approx(-limit, abs=0.2)
        closed = np.append(angle, angle[0])
        steps = np.abs(np.diff(closed))
        assert steps[-1] <= steps.max() + 1e-6


def test_a_level_sweep_never_nods():
    angles = np.degrees(yaw_pitch_roll(orbit_path("sweep", 45, 0, 2, 30)))
    assert np.abs(angles[:, 1]).max() < 1e-4
    assert angles[15, 0] == pytest.approx(45, abs=1e-3)


def test_orbit_replaces_the_pose_and_keeps_the_face():
    motion = ramp(20, flame=True)
    orbited = orbit(motion, "sweep", 30)
    check_consistent(orbited, 20)
    assert np.array_equal(orbited.deltas, motion.deltas)
    assert not np.ptp(orbited.translation, axis=0).any()
    assert np.ptp(orbited.scale) == 0
    assert yaw_degrees(orbited.rotation)[5] == pytest.approx(30, abs=1e-3)
    assert np.allclose(orbited.flame.transform[:, :, :3], orbited.rotation.swapaxes(1, 2) * [-1, 1, -1], atol=1e-6)


def test_a_picture_is_held_while_it_turns():
    orbited = orbit(ramp(1, fps=10), "circle", 20, 10, seconds=3)
    check_consistent(orbited, 30)
    assert not np.ptp(orbited.deltas, axis=0).any()
    assert len(orbit(ramp(40, fps=10), seconds=2)) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("spiral", 30, 0, 1, 25), "sweep, circle, figure8"),
        (("sweep", 30, 0, 0, 25), "above 0"),
        (("sweep", 300, 0, 1, 25), "at most 180"),
        (("sweep", float("nan"), 0, 1, 25), "at most 180"),
    ],
)
def test_orbits_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(GagavatarError, match=message):
        orbit_path(*arguments)
