"""Head poses that a portrait can bear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes.commands import options
from gagavatar_nodes.driving.head_turn import POSES, HeadTurn, angle_between, mean_rotation
from gagavatar_nodes.driving.operations import neutral_motion
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.driving.retarget import Retargeter
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.face.pose import yaw_pitch_roll

FRONT = np.eye(3)


def turned(yaw: float, pitch: float = 0.0) -> np.ndarray:
    return rotation_of(*np.radians([yaw, pitch])).astype(float)


def test_absolute_is_the_drivers_pose_whatever_the_portraits():
    turn = HeadTurn.of("absolute", turned(-40), turned(10))
    assert np.allclose(turn(turned(25, -10)), turned(25, -10), atol=1e-6)


def test_relative_turns_the_portraits_own_pose_by_the_drivers_change():
    turn = HeadTurn.of("relative", turned(-40), turned(10))
    assert np.allclose(turn(turned(10)), turned(-40), atol=1e-6)
    assert np.allclose(turn(turned(25)), turned(-25), atol=1e-6)


def test_auto_is_absolute_for_a_frontal_portrait_and_relative_for_a_turned_one():
    frontal, profile = (HeadTurn.of("auto", turned(yaw), turned(5)) for yaw in (4, 45))
    assert np.allclose(frontal(turned(25)), turned(25), atol=1e-6)
    assert np.allclose(profile(turned(5)), turned(45), atol=1e-6)
    assert np.allclose(profile(turned(12)), turned(52), atol=1e-6)


def test_auto_goes_over_smoothly_as_the_portrait_is_turned():
    yaws = [yaw_pitch_roll(HeadTurn.of("auto", turned(own), FRONT)(turned(5)))[0] for own in np.arange(0, 60, 1.0)]
    steps = np.degrees(np.diff(yaws))
    assert steps.min() > -0.5
    assert steps.max() < 5


@pytest.mark.parametrize("own", [0, 20, 45])
def test_auto_is_bounded_and_never_turns_back(own):
    turn = HeadTurn.of("auto", turned(own), turned(own))
    angles = [angle_between(turned(own), turn(turned(own + yaw))) for yaw in range(0, 90)]
    assert np.diff(angles).min() > -1e-3
    assert max(angles) < 46


def test_noise_of_the_tracker_does_not_turn_a_portrait_that_drives_itself():
    turn = HeadTurn.of("absolute", turned(9, -20), turned(9.4, -19.8), same=1.0)
    assert angle_between(turn(turned(9.4, -19.8)), turned(9, -20)) < 1e-4
    assert angle_between(turn(turned(19.4, -19.8)), turned(19, -20)) < 1.0


def test_a_motion_is_measured_from_its_reference():
    motion = replace(
        neutral_motion(3), rotation=np.stack([turned(0), turned(10), turned(20)]).astype(np.float32), extra={}
    )
    canonical = motion.neutral.astype(float)
    at_first = Retargeter(motion, canonical, 0, turned(-40), "relative")
    at_middle = Retargeter(motion, canonical, "neutral", turned(-40), "relative")
    assert np.allclose(at_first.placement(2).rotation, turned(-20), atol=1e-5)
    assert np.allclose(at_middle.placement(1).rotation, turned(-40), atol=1e-3)


def test_an_unknown_pose_is_refused_with_the_names_of_the_known():
    with pytest.raises(GagavatarError, match="choose one of auto, absolute, relative"):
        HeadTurn.of("sideways", FRONT, FRONT)
    assert options.POSES == POSES


def test_the_mean_of_rotations_lies_between_them():
    assert np.allclose(mean_rotation(np.stack([turned(-10), turned(30)])), turned(10), atol=1e-6)
