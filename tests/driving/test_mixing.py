import numpy as np
import pytest

from gagavatar_nodes.driving.builtin import builtin_motion
from gagavatar_nodes.driving.mixing import MOUTH_COLUMNS, replace_mouth
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.face.topology import LOWER_LIDS, LOWER_LIP, UPPER_LIDS, UPPER_LIP
from gagavatar_nodes.types import ARKIT_NAMES
from motions import ramp

OTHERS = [i for i in range(52) if i not in MOUTH_COLUMNS]
EYES = np.ravel([UPPER_LIDS, LOWER_LIDS])


@pytest.fixture(scope="module")
def voice():
    return builtin_motion("talk")


@pytest.fixture(scope="module")
def face():
    return builtin_motion("look_around")


def test_only_the_mouth_is_the_voices(face, voice):
    dubbed = replace_mouth(face, voice)
    count = min(len(face), len(voice))
    assert np.array_equal(dubbed.arkit[:count][:, MOUTH_COLUMNS], voice.arkit[:count][:, MOUTH_COLUMNS])
    assert np.array_equal(dubbed.deltas[:count, UPPER_LIP], voice.deltas[:count, UPPER_LIP])
    first = slice(0, len(face) // 2)
    assert np.array_equal(dubbed.arkit[first][:, OTHERS], face.arkit[first][:, OTHERS])
    assert np.array_equal(dubbed.deltas[first][:, EYES], face.deltas[first][:, EYES])
    for name in ("rotation", "translation", "scale", "gaze"):
        assert np.array_equal(getattr(dubbed, name)[first], getattr(face, name)[first]), name


def test_the_result_is_as_long_as_the_longer_one(face, voice):
    short = builtin_motion("blink", 1.0)
    assert len(replace_mouth(face, short)) == len(face)
    dubbed = replace_mouth(short, voice)
    assert len(dubbed) == len(voice)
    held = replace_mouth(short, voice, "hold")
    assert np.array_equal(held.rotation[-1], short.rotation[-1])


def test_a_face_that_is_repeated_keeps_its_time_in_the_first_pass(voice):
    short = builtin_motion("nod", 2.0)
    dubbed = replace_mouth(short, voice)
    assert len(dubbed) > 2 * len(short) - 20
    assert np.allclose(dubbed.rotation[:40], short.rotation[:40], atol=1e-6)
    steps = np.linalg.norm(np.diff(dubbed.rotation, axis=0), axis=(1, 2))
    assert steps.max() < 1.5 * np.linalg.norm(np.diff(short.rotation, axis=0), axis=(1, 2)).max()


def test_codes_are_repeated_with_their_frames(voice):
    driver = ramp(10, flame=True)
    dubbed = replace_mouth(driver, voice)
    assert len(dubbed.flame.transform) == len(dubbed.flame.eyes) == len(dubbed.flame.added) == len(voice)
    assert np.allclose(dubbed.flame.transform[:5], driver.flame.transform[:5])


def test_the_frame_rate_is_the_faces(voice):
    dubbed = replace_mouth(builtin_motion("nod", fps=50), voice)
    assert dubbed.fps == 50
    assert len(dubbed) == 2 * len(voice)


def test_a_neutral_face_with_an_open_mouth_closes_for_the_voice(face, voice):
    from dataclasses import replace

    neutral = face.neutral.copy()
    neutral[LOWER_LIP, 1] -= 0.5
    dubbed = replace_mouth(replace(face, neutral=neutral), voice)
    lips = neutral[[UPPER_LIP, LOWER_LIP], 1] + dubbed.deltas[:, [UPPER_LIP, LOWER_LIP], 1].astype(float)
    assert (lips[:, 0] - lips[:, 1]).min() < 0.05


def test_codes_keep_camera_and_eyes_and_take_the_expression_as_weights(voice):
    driver = ramp(10, flame=True)
    dubbed = replace_mouth(driver, voice, "hold")
    assert np.array_equal(dubbed.flame.transform[:5], driver.flame.transform[:5])
    assert np.array_equal(dubbed.flame.eyes[:5], driver.flame.eyes[:5])
    assert np.abs(dubbed.flame.expression).max() == np.abs(dubbed.flame.jaw).max() == 0
    jaw = ARKIT_NAMES.index("jawOpen")
    assert np.array_equal(dubbed.flame.added[:, jaw], voice.arkit[:, jaw])


def test_another_way_to_extend_is_named(face, voice):
    with pytest.raises(GagavatarError, match="'loop' or 'hold', not 'stretch'"):
        replace_mouth(face, voice, "stretch")
