import numpy as np
import pytest

from gagavatar_nodes.driving.builtin import BUILTIN_NAMES
from gagavatar_nodes.driving.operations import neutral_motion
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS
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
    assert np.abs(edited.deltas[1]).max() < 1e-5  # float16 rounds them


def test_trimming_everything_away_says_how_long_the_motion_is(run, motion):
    with pytest.raises(GagavatarError, match="3 frames"):
        run("EditMotion", motion=motion, start=5.0)


@pytest.mark.parametrize("name", BUILTIN_NAMES)
def test_every_builtin_motion_fills_its_seconds(run, name):
    motion, fps = run("BuiltinMotion", name=name, seconds=0.4, fps=10.0)
    assert (len(motion), fps) == (4, 10)


def test_sliders_move_what_they_name_and_turn_the_head(run):
    motion, *_ = run("Expression", jawOpen=0.8, yaw=20.0, pitch=-10.0, roll=5.0, frames=2)["result"]
    assert motion.arkit[1, ARKIT_NAMES.index("jawOpen")] == np.float32(0.8)
    assert np.count_nonzero(motion.arkit[0]) == 1
    assert np.allclose(motion.rotation[1], rotation_of(*np.radians([20.0, -10.0, 5.0])), atol=1e-6)


def test_sliders_are_added_to_a_motion(run, motion):
    moved = run("Expression", motion=motion, eyeBlinkLeft=1.0)["result"][0]
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


def test_key_frames_are_a_motion_or_added_to_one(run, motion):
    made, fps, frames = run("KeyFrames", keys="0: neutral\n1: jawOpen", fps=30.0)
    assert (fps, frames) == (30, 31)
    turned, _, frames = run("KeyFrames", keys="0: yaw 20, eyeBlinkLeft 1", fps=30.0, motion=motion)
    assert frames == len(motion)
    assert np.allclose(turned.rotation, rotation_of(np.radians(20), 0) @ motion.rotation, atol=1e-5)
    assert turned.arkit[:, ARKIT_NAMES.index("eyeBlinkLeft")].min() == 1
    check = NODE_CLASS_MAPPINGS["GAGAvatarKeyFrames"].VALIDATE_INPUTS
    assert check("0: happy") is True
    assert "Did you mean 'happy'" in check("0: hapy")
    assert made.source == "key frames"


def test_eyes_and_mouth_have_strengths_of_their_own(run):
    talk = run("BuiltinMotion", name="talk", seconds=1.0)[0]
    still_mouth = run("EditMotion", motion=talk, mouth=0.0)[0]
    still_eyes = run("EditMotion", motion=talk, eyes=0.0)[0]
    jaw, blink = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("eyeBlinkLeft")
    lip, lid = 14, 159
    for edited, column, point, other_column, other_point in (
        (still_mouth, jaw, lip, blink, lid), (still_eyes, blink, lid, jaw, lip)
    ):  # fmt: skip
        assert edited.arkit[:, column].max() == 0
        assert np.abs(edited.deltas[:, point].astype(float)).max() < 0.02
        assert np.array_equal(edited.arkit[:, other_column], talk.arkit[:, other_column])
        assert np.allclose(edited.deltas[:, other_point], talk.deltas[:, other_point], atol=0.02)


def test_ping_pong_and_repeats_play_the_frames_and_their_sound_again(run):
    shake = run("BuiltinMotion", name="shake", seconds=1.0)[0]
    edited, _, frames = run("EditMotion", motion=shake, ping_pong=True, repeats=2)
    assert frames == 2 * (2 * 25 - 2)
    order = np.r_[0:25, 23:0:-1]
    assert np.array_equal(edited.rotation, shake.rotation[np.r_[order, order]])
    assert np.allclose(edited.clock * 25, np.r_[order, order])
