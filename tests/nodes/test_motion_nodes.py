import numpy as np
import pytest

from gagavatar_nodes.driving.builtin import BUILTIN_NAMES
from gagavatar_nodes.driving.operations import neutral_motion
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.types import ARKIT_NAMES


def test_editing_with_the_values_it_starts_with_changes_nothing(run, motion):
    edited, fps, frames = run("EditMotion", motion=motion)
    assert (fps, frames) == (25, 3)
    for name in ("rotation", "translation", "scale", "deltas", "arkit", "gaze", "neutral"):
        assert np.array_equal(getattr(edited, name), getattr(motion, name)), name


def test_editing_trims_resamples_and_weakens(run):
    motion = run("BuiltinMotion", name="shake", seconds=2.0)[0]
    edited, fps, frames = run("EditMotion", motion=motion, start=0.4, end=1.6, fps=50.0, head_pose=0.0)
    assert (fps, frames) == (50, 60)
    assert np.allclose(edited.rotation, np.eye(3), atol=1e-6)


def test_a_neutral_frame_becomes_the_face_at_rest(run, motion):
    edited = run("EditMotion", motion=motion, neutral="frame", neutral_frame=1)[0]
    assert np.abs(edited.deltas[1]).max() == 0


def test_trimming_everything_away_says_how_long_the_motion_is(run, motion):
    with pytest.raises(GagavatarError, match="3 frames"):
        run("EditMotion", motion=motion, start=5.0)


@pytest.mark.parametrize("name", BUILTIN_NAMES)
def test_every_builtin_motion_fills_its_seconds(run, name):
    motion, fps = run("BuiltinMotion", name=name, seconds=0.4, fps=10.0)
    assert (len(motion), fps) == (4, 10)


def test_sliders_move_what_they_name_and_turn_the_head(run):
    motion, _ = run("Expression", jawOpen=0.8, yaw=20.0, pitch=-10.0, roll=5.0, frames=2)
    assert motion.arkit[1, ARKIT_NAMES.index("jawOpen")] == np.float32(0.8)
    assert np.count_nonzero(motion.arkit[0]) == 1
    assert np.allclose(motion.rotation[1], rotation_of(*np.radians([20.0, -10.0, 5.0])), atol=1e-6)


def test_sliders_are_added_to_a_motion(run, motion):
    moved = run("Expression", motion=motion, eyeBlinkLeft=1.0)[0]
    assert len(moved) == len(motion)
    assert np.allclose(moved.rotation, motion.rotation, atol=1e-6)
    assert moved.arkit[:, ARKIT_NAMES.index("eyeBlinkLeft")].min() == 1


def test_an_orbit_keeps_the_expression(run, motion):
    turned, fps = run("OrbitCamera", motion=motion, seconds=0.12, yaw=40.0)
    assert fps == motion.fps
    assert np.array_equal(turned.deltas, motion.deltas)
    assert not np.allclose(turned.rotation, motion.rotation)
    assert len(run("OrbitCamera", seconds=0.4, fps=10.0)[0]) == 4


def test_combining_takes_expression_and_pose_from_where_it_says(run, motion):
    turned = run("OrbitCamera", seconds=0.12, yaw=40.0)[0]
    both, _ = run("CombineMotions", expression_of=motion, pose_of=turned)
    assert np.array_equal(both.deltas, motion.deltas)
    assert np.array_equal(both.rotation, turned.rotation)
    held = run("CombineMotions", expression_of=neutral_motion(9), pose_of=turned, shorter="hold")[0]
    assert np.array_equal(held.rotation[-1], turned.rotation[-1])


def test_a_third_motion_gives_the_mouth(run):
    face, voice = (run("BuiltinMotion", name=name, seconds=1.0)[0] for name in ("look_around", "talk"))
    dubbed = run("CombineMotions", expression_of=face, pose_of=face, mouth_of=voice)[0]
    jaw, brow = (ARKIT_NAMES.index(name) for name in ("jawOpen", "browInnerUp"))
    assert np.array_equal(dubbed.arkit[:, jaw], voice.arkit[:, jaw])
    assert np.array_equal(dubbed.arkit[:, brow], face.arkit[:, brow])
    assert np.array_equal(dubbed.rotation, face.rotation)
