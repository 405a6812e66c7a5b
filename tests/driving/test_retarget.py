"""A driver's motion on another face: what differs, what is absolute, and where the head goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes.driving.operations import add_arkit, neutral_motion, pick_neutral
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.driving.retarget import Retargeter
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.face.bundled_face import bundled_neutral
from gagavatar_nodes.face.pose import NECK_PIVOT
from gagavatar_nodes.face.topology import (
    BROW_EDGES,
    LOWER_LIDS,
    LOWER_LIP,
    MOUTH_CORNERS,
    UPPER_LIDS,
    UPPER_LIP,
    eye_openness,
    eye_widths,
)
from gagavatar_nodes.types import ARKIT_NAMES, Motion


def performed(*weights: dict[str, float]) -> Motion:
    table = np.array([[frame.get(name, 0.0) for name in ARKIT_NAMES] for frame in weights])
    return add_arkit(neutral_motion(len(weights)), table)


def gap(face: np.ndarray) -> float:
    """Centimeters between the inner lips."""
    return float(face[UPPER_LIP, 1] - face[LOWER_LIP, 1])


def width(face: np.ndarray) -> float:
    return float(np.linalg.norm(face[MOUTH_CORNERS[0]] - face[MOUTH_CORNERS[1]]))


@pytest.fixture(scope="module")
def gaping() -> np.ndarray:
    """[478, 3] another face: larger, and portrayed with an open mouth."""
    motion = performed({"jawOpen": 0.35})
    return (1.15 * (motion.neutral + motion.deltas[0].astype(float))).astype(np.float64)


def test_a_face_at_rest_leaves_a_portrait_at_rest_alone():
    rest = bundled_neutral()
    source = Retargeter(neutral_motion(3), rest)
    assert np.abs(source.displacements(1)).max() < 0.05
    assert np.abs(source.gaze(1)).max() < 1e-6
    placement = source.placement(1)
    assert np.allclose(placement.rotation, np.eye(3))
    assert (placement.scale, placement.shift.tolist()) == (1.0, [0, 0, 0])


def test_an_opening_misread_at_the_reference_alone_does_not_make_all_others_smaller():
    """Where the portrait's lips were found to be nearer to each other than the tracker read them there."""
    motion = performed(*({"jawOpen": 0.02 * k} for k in range(30)))
    read = motion.neutral + motion.deltas.astype(np.float64)
    own = read[12].copy()
    own[LOWER_LIP, 1] += 0.3 * gap(own)
    source = Retargeter(motion, own, "same")
    shown = np.array([gap(own + source.displacements(k)) for k in range(len(motion))])
    assert shown[12] == pytest.approx(gap(own), abs=0.02)
    assert (np.diff(shown) > -0.005).all()
    far = [1, 3, 22, 28]
    assert np.abs(shown - [gap(face) for face in read])[far].max() < 0.05


@pytest.mark.parametrize("reference", ["auto", "same"])
def test_self_reenactment_returns_the_drivers_own_landmarks(driver_motion, reference):
    index = 40
    own = driver_motion.neutral + driver_motion.deltas[index].astype(np.float64)
    source = Retargeter(driver_motion, own, reference)
    assert np.abs(source.displacements(index)).max() < 0.1
    away = int(
        np.argmax([np.abs(frame).max() for frame in driver_motion.deltas.astype(float) - driver_motion.deltas[index]])
    )
    other = driver_motion.neutral + driver_motion.deltas[away].astype(np.float64)
    assert np.abs(own + source.displacements(away) - other).mean() < 0.05


def test_differences_from_the_neutral_face_are_carried_over(gaping):
    motion = performed({}, {"browInnerUp": 1.0})
    source = Retargeter(motion, gaping)
    raised = source.displacements(1) - source.displacements(0)
    brow = [55, 285, 107, 336]
    assert (raised[brow, 1] > 0.2).all()
    assert np.allclose(raised[brow], motion.deltas[1, brow].astype(float) - motion.deltas[0, brow], atol=0.02)


def test_brows_over_deep_set_eyes_rise_less_and_never_far(gaping):
    deep = gaping.copy()
    for brow, lid in zip(BROW_EDGES, UPPER_LIDS, strict=True):
        deep[list(brow), 1] -= 0.65 * (gaping[list(brow), 1].mean() - gaping[list(lid), 1].mean())
    looks = [{"browInnerUp": up, "browOuterUpLeft": up, "browOuterUpRight": up} for up in (0.0, 0.4, 0.7, 1.0)]
    rises = {}
    for name, face in (("usual", gaping), ("deep", deep)):
        source = Retargeter(performed(*looks), face)
        rises[name] = [float(source.displacements(i)[np.ravel(BROW_EDGES), 1].mean()) for i in range(4)]
    assert (np.diff(rises["deep"]) > 0.01).all()
    assert rises["deep"][1] > 0.8 * rises["usual"][1]
    assert rises["deep"][3] < 0.8 * rises["usual"][3]


@pytest.mark.parametrize("jaw", [0.0, 0.2, 0.5])
def test_the_mouths_opening_is_the_drivers_whatever_the_portraits_was(gaping, jaw):
    motion = performed({"jawOpen": jaw}, {})
    driver = motion.neutral + motion.deltas[0].astype(float)
    opening = gap(gaping + Retargeter(motion, gaping).displacements(0))
    ratio = width(gaping) / width(motion.neutral)
    assert gap(gaping) > 1
    assert opening == pytest.approx(max(gap(driver), 0) * ratio, abs=0.06)


def test_a_wide_smile_does_not_make_a_mouth_open_farther_than_people_do(gaping):
    smiling = gaping * [1.35, 1, 1]
    motion = performed(*({"jawOpen": jaw} for jaw in (0.5, 0.75, 1.0)), {})
    source = Retargeter(motion, smiling)
    openings = [gap(smiling + source.displacements(i)) for i in range(3)]
    assert openings[0] + 0.2 < openings[1] < openings[2] - 0.1
    assert 3.0 < openings[2] < 4.2


@pytest.mark.parametrize("squint", [1.0, 0.7])
def test_a_blink_shuts_the_lids_of_any_eyes(gaping, squint):
    portrait = gaping.copy()
    portrait[:, 1] *= squint  # narrower eyes
    motion = performed({}, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, {"eyeBlinkLeft": 1.0})
    source = Retargeter(motion, portrait)
    openness = [eye_openness(portrait + source.displacements(i)) for i in range(3)]
    assert (openness[0] > 0.6 * eye_openness(portrait)).all()
    assert (openness[1] < 0.1).all()
    left = int(np.argmin(openness[2]))
    assert openness[2][left] < 0.1
    assert openness[2][1 - left] > 0.8 * openness[0][1 - left]


def test_sleepy_eyes_open_wide(gaping):
    portrait = gaping.copy()
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        portrait[list(upper)] += 0.4 * (portrait[list(lower)] - portrait[list(upper)])
    looks = [{"eyeWideLeft": wide, "eyeWideRight": wide} for wide in np.linspace(0, 1, 6)]
    source = Retargeter(performed(*looks), portrait)
    openness = np.array([eye_openness(portrait + source.displacements(i)) for i in range(6)])
    assert (eye_openness(portrait) < 0.25).all()
    assert (openness[-1] > 0.36).all()
    steps = np.diff(openness, axis=0)
    assert (steps > -1e-6).all()
    assert (steps < 0.1).all()


def test_lids_follow_irises_that_look_up_and_down(gaping):
    looks = [{}] + [{f"eyeLook{way}Left": 1.0, f"eyeLook{way}Right": 1.0} for way in ("Up", "Down")]
    source = Retargeter(performed(*looks), gaping)
    ahead, up, down = (gaping + source.displacements(i) for i in range(3))
    for side, (upper, lower) in enumerate(zip(UPPER_LIDS, LOWER_LIDS, strict=True)):
        width = eye_widths(gaping)[side]
        rise, fall = source.gaze(1)[side, 1] * width, source.gaze(2)[side, 1] * width
        assert rise > 0.1 * width
        assert fall < -0.1 * width
        lids = [[(look - ahead)[row[3], 1] for row in (upper, lower)] for look in (up, down)]
        assert 0.5 * rise < lids[0][0] < 1.1 * rise
        assert 0.3 * rise < lids[0][1] < lids[0][0]
        assert 1.5 * fall < lids[1][0] < 0.7 * fall
        assert lids[1][0] < lids[1][1] < 0


def test_one_frame_is_enough(gaping):
    blink = Retargeter(performed({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}), gaping)
    assert (eye_openness(gaping + blink.displacements(0)) < 0.1).all()
    open_eyes = Retargeter(performed({}), gaping)
    assert (eye_openness(gaping + open_eyes.displacements(0)) > 0.6 * eye_openness(gaping)).all()


def test_a_reference_frame_is_the_portraits_own_expression(gaping):
    motion = performed({}, {"browInnerUp": 1.0}, {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0})
    brow = [55, 285, 107, 336]
    assert np.abs(Retargeter(motion, gaping, 1).displacements(1)[brow]).max() < 0.02
    assert (Retargeter(motion, gaping, 1).displacements(0)[brow, 1] < -0.2).all()
    picked = Retargeter(pick_neutral(motion, 1), gaping)
    assert np.abs(picked.displacements(1)[brow]).max() < 0.02


@pytest.mark.parametrize("reference", [3, -1, "first"])
def test_a_reference_that_is_not_there_is_refused(gaping, reference):
    with pytest.raises(GagavatarError, match=r"reference must be .* frame from 0 to 2"):
        Retargeter(neutral_motion(3), gaping, reference)


def test_the_head_turns_about_the_neck_and_moves_as_the_driver_does():
    rotation = rotation_of(np.radians([0.0, 25.0, 0.0]), np.radians([0.0, -10.0, 0.0]))
    # The neck stays while the head turns: what the head's center moves by is the turn about it.
    turned = NECK_PIVOT - rotation[1] @ NECK_PIVOT
    translation = np.array([[0, 0, 0], turned, [2, 1, 0]], np.float32)
    motion = replace(neutral_motion(3), rotation=rotation, translation=translation)
    source = Retargeter(motion, bundled_neutral(), 0)
    assert np.allclose(source.placement(1).rotation, rotation[1])
    assert np.abs(source.placement(1).shift[:2]).max() < 1e-5
    assert np.allclose(source.placement(2).shift, [2, 1, 0], atol=1e-5)


def test_a_driver_who_comes_nearer_makes_the_head_larger():
    motion = replace(neutral_motion(2), scale=np.array([0.02, 0.025], np.float32))
    assert Retargeter(motion, bundled_neutral(), 0).placement(1).scale == pytest.approx(1.25)
