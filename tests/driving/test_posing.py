import numpy as np
import pytest

from gagavatar_nodes.driving.keyframes import parse_keys, play_keys
from gagavatar_nodes.driving.operations import add_arkit, neutral_motion, turn_head
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.driving.posing import PARTS, Borrowed, part_of, pose_face
from gagavatar_nodes.types import ARKIT_NAMES

SHOWN = {"eyeBlinkLeft": 0.8, "browInnerUp": 0.6, "jawOpen": 0.4, "cheekPuff": 0.2}


@pytest.fixture
def photo():
    """What tracking would make of a picture."""
    return turn_head(add_arkit(neutral_motion(), SHOWN), 20, -10)


def weights(motion):
    return {name: float(value) for name, value in zip(ARKIT_NAMES, motion.arkit[0], strict=True) if value}


def test_sliders_and_emotions_mean_what_they_mean_in_key_frames():
    posed = pose_face(neutral_motion(), {"smile": 0.4, "turn": 10.0, "jawOpen": 0.2}, "surprised", 0.5)
    keyed = play_keys(parse_keys("0: surprised 0.5, smile 0.4, turn 10, jawOpen 0.2"), 25)
    np.testing.assert_allclose(posed.arkit, keyed.arkit, atol=1e-6)
    np.testing.assert_allclose(posed.rotation, keyed.rotation, atol=1e-5)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_photo_moves_that_part_alone(photo, part):
    posed = pose_face(neutral_motion(), {}, borrowed=Borrowed(photo, 1.0, [part]))
    assert weights(posed) == pytest.approx({name: SHOWN[name] for name in SHOWN if part_of(name) == part})
    turned = rotation_of(*np.radians([20.0, -10.0])) if part == "pose" else np.eye(3)
    np.testing.assert_allclose(posed.rotation[0], turned, atol=1e-5)


def test_a_photo_is_blended_by_strength_and_added_to_the_sliders(photo):
    half = pose_face(neutral_motion(), {"jawOpen": 0.3}, borrowed=Borrowed(photo, 0.5))
    assert weights(half)["jawOpen"] == pytest.approx(0.5)
    assert weights(half)["browInnerUp"] == pytest.approx(0.3)
    whole = np.arccos((np.trace(photo.rotation[0]) - 1) / 2)
    assert np.arccos((np.trace(half.rotation[0]) - 1) / 2) == pytest.approx(whole / 2, abs=1e-4)
    none = pose_face(neutral_motion(), {}, borrowed=Borrowed(photo, 0.0))
    assert weights(none) == {}
    np.testing.assert_allclose(none.rotation[0], np.eye(3), atol=1e-6)


def test_every_blendshape_belongs_to_one_part():
    parts = {name: part_of(name) for name in ARKIT_NAMES}
    assert {part: sum(one == part for one in parts.values()) for part in PARTS} == {
        "eyes": 14, "mouth": 33, "brows": 5, "pose": 0,
    }  # fmt: skip
