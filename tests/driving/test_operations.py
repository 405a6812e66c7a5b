"""Neutral, strength of expression, ARKit offsets, and one motion's face on another's head."""

from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes.driving.builtin import builtin_motion
from gagavatar_nodes.driving.motion_file import load_motion, save_motion
from gagavatar_nodes.driving.operations import (
    add_arkit,
    combine,
    loop,
    neutral_motion,
    orbit,
    pick_neutral,
    resample,
    scale_expression,
    smooth,
    trim,
    turn_head,
)
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.face.arkit import arkit_deltas, fit_arkit, gaze_of
from gagavatar_nodes.face.topology import eye_openness
from gagavatar_nodes.types import ARKIT_NAMES
from motions import about_y, check_consistent, ramp, yaw_degrees

JAW = ARKIT_NAMES.index("jawOpen")


def landmarks(motion):
    return motion.neutral + motion.deltas.astype(np.float32)


def test_picking_a_neutral_moves_the_origin_and_not_the_face():
    motion = builtin_motion("talk")
    picked = pick_neutral(motion, 40)
    check_consistent(picked, len(motion))
    assert np.abs(landmarks(picked) - landmarks(motion)).max() < 5e-3
    assert np.abs(picked.deltas[40]).max() < 1e-5
    assert np.allclose(picked.neutral, landmarks(motion)[40], atol=1e-5)
    assert np.allclose(picked.arkit, fit_arkit(picked.deltas))


def test_the_automatic_neutral_has_a_closed_mouth_and_open_eyes():
    motion = builtin_motion("talk")
    off = pick_neutral(motion, int(motion.arkit[:, JAW].argmax()))
    picked = pick_neutral(off)
    assert eye_openness(picked.neutral).min() > 0.28
    assert picked.neutral[13, 1] - picked.neutral[14, 1] < 0.4 < off.neutral[13, 1] - off.neutral[14, 1]
    assert len(pick_neutral(ramp(1))) == 1


@pytest.mark.parametrize("frame", [-1, 10])
def test_a_neutral_frame_outside_of_the_motion_is_refused(frame):
    with pytest.raises(GagavatarError, match="frames 0 to 9"):
        pick_neutral(ramp(), frame)


def test_strength_scales_the_expression_and_nothing_else():
    motion = ramp(flame=True)
    half = scale_expression(motion, 0.5)
    check_consistent(half, 10)
    assert np.allclose(half.deltas, motion.deltas * 0.5, atol=1e-3)
    assert np.allclose(half.arkit, motion.arkit * 0.5)
    assert np.allclose(half.flame.jaw, motion.flame.jaw * 0.5)
    assert np.array_equal(half.rotation, motion.rotation)
    assert np.array_equal(half.flame.transform, motion.flame.transform)
    assert scale_expression(motion, 1) is motion


def test_strength_zero_is_the_neutral_face_with_its_gaze():
    calm = scale_expression(builtin_motion("look_around"), 0)
    assert not calm.deltas.any()
    assert not calm.arkit.any()
    assert np.allclose(calm.gaze, gaze_of(calm.neutral), atol=1e-6)


def test_a_stronger_blink_does_not_open_the_eye_again():
    motion = builtin_motion("blink")
    shut = int(motion.arkit[:, ARKIT_NAMES.index("eyeBlinkLeft")].argmax())
    strong = scale_expression(motion, 2.0)
    assert eye_openness(landmarks(strong)[shut]).max() < 0.05
    assert strong.arkit.max() == 1


@pytest.mark.parametrize("strength", [-1, float("nan"), float("inf")])
def test_a_strength_that_makes_no_sense_is_refused(strength):
    with pytest.raises(GagavatarError, match="must be 0 or more"):
        scale_expression(ramp(), strength)


def test_added_weights_add_their_landmarks_and_clip_the_weights():
    motion = replace(ramp(5), arkit=np.full((5, 52), 0.7, np.float32))
    opened = add_arkit(motion, {"jawOpen": 0.5})
    check_consistent(opened, 5)
    expected = motion.deltas.astype(np.float32) + arkit_deltas({"jawOpen": 0.5})
    assert np.abs(opened.deltas - expected).max() < 2e-3
    assert np.allclose(opened.arkit[:, JAW], 1)
    assert np.allclose(np.delete(opened.arkit, JAW, 1), 0.7)
    assert np.allclose(opened.gaze, motion.gaze, atol=1e-6)


def test_weights_may_differ_from_frame_to_frame_and_be_negative():
    weights = np.zeros((4, 52), np.float32)
    weights[2, JAW] = -0.2
    motion = add_arkit(ramp(4), weights)
    change = motion.deltas.astype(np.float32) - ramp(4).deltas
    assert np.abs(change[[0, 1, 3]]).max() < 1e-3
    assert np.abs(change[2] + 0.2 * arkit_deltas({"jawOpen": 1.0})).max() < 2e-3
    assert motion.arkit[2, JAW] == 0


def test_added_eye_weights_turn_the_gaze():
    motion = add_arkit(neutral_motion(2), {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0})
    assert np.allclose(motion.gaze, gaze_of(landmarks(motion)), atol=2e-3)
    assert np.all(motion.gaze[..., 0] > neutral_motion(2).gaze[..., 0] + 0.15)


def test_added_weights_that_do_not_fit_are_refused():
    with pytest.raises(GagavatarError, match="did you mean 'mouthSmileLeft'"):
        add_arkit(ramp(), {"smileLeft": 1.0})
    with pytest.raises(GagavatarError, match="10 frames"):
        add_arkit(ramp(), np.zeros((3, 52)))


def test_combined_motion_has_ones_face_and_the_others_head_at_the_firsts_rate():
    face, head = builtin_motion("talk", fps=25), ramp(100, fps=50)
    head.confidence[4] = 0
    both = combine(face, head, shorter="hold")
    check_consistent(both, len(face))
    assert both.fps == 25
    assert np.array_equal(both.deltas, face.deltas)
    assert np.allclose(both.translation[:50, 0], np.arange(50) * 2, atol=1e-4)
    assert np.allclose(both.translation[50:, 0], 98, atol=1.1)
    assert both.bridged == [2]


def test_the_shorter_motion_is_repeated_without_a_jump():
    face, head = builtin_motion("talk"), builtin_motion("nod")
    both = combine(face, head)
    check_consistent(both, len(face))
    turn = np.degrees(
        np.arccos(np.clip((np.einsum("tij,tij->t", both.rotation[1:], both.rotation[:-1]) - 1) / 2, -1, 1))
    )
    assert turn.max() < 4
    longer = combine(head, face)
    check_consistent(longer, len(face))


def test_a_still_face_takes_a_moving_head():
    both = combine(ramp(1), ramp(30))
    check_consistent(both, 30)
    assert not np.ptp(both.deltas, axis=0).any()
    assert np.allclose(yaw_degrees(both.rotation), 2 * np.arange(30), atol=1e-3)


def test_flame_codes_combine_with_the_heads_camera_or_are_dropped():
    both = combine(ramp(6, flame=True), ramp(6, flame=True, first_yaw=30))
    assert np.allclose(both.flame.transform[:, :, :3], both.rotation.swapaxes(1, 2) * [-1, 1, -1], atol=1e-6)
    assert combine(ramp(6, flame=True), ramp(6)).flame is None
    other = ramp(6, flame=True)
    other = replace(other, flame=replace(other.flame, edition="another"))
    with pytest.raises(GagavatarError, match="edition test cannot be used with edition another"):
        combine(ramp(6, flame=True), other)


def test_sliders_go_along_with_flame_codes_through_every_operation(tmp_path):
    motion = add_arkit(ramp(10, flame=True), {"jawOpen": 0.6, "mouthSmileLeft": -0.2})
    added = motion.flame.added
    assert np.allclose(added[:, [ARKIT_NAMES.index(name) for name in ("jawOpen", "mouthSmileLeft")]], [0.6, -0.2])
    assert np.array_equal(motion.flame.jaw, ramp(10, flame=True).flame.jaw)
    assert np.allclose(add_arkit(motion, {"jawOpen": 0.1}).flame.added[:, ARKIT_NAMES.index("jawOpen")], 0.7)
    assert np.allclose(scale_expression(motion, 0.5).flame.added, added / 2)
    for changed in (
        trim(motion, 2, 8), loop(motion), smooth(motion, 0.5), resample(motion, 60), turn_head(motion, 10, 0),
        orbit(motion), combine(motion, ramp(10, flame=True)), pick_neutral(motion, 3),
    ):  # fmt: skip
        check_consistent(changed, len(changed))
        assert np.allclose(changed.flame.added, added[:1], atol=1e-6)
    save_motion(motion, tmp_path / "m.safetensors")
    assert np.array_equal(load_motion(tmp_path / "m.safetensors").flame.added, added)


def test_still_faces_the_camera():
    motion = neutral_motion(3, 30)
    check_consistent(motion, 3)
    assert np.array_equal(motion.rotation, np.tile(about_y(0), (3, 1, 1)))
    assert not motion.deltas.any()
    assert motion.bridged == []
    with pytest.raises(GagavatarError, match="needs a frame"):
        neutral_motion(0)
