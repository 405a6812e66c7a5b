import numpy as np
import pytest

from gagavatar_nodes.driving.keyframes import parse_keys, play_keys
from gagavatar_nodes.driving.macros import EXPRESSIONS
from gagavatar_nodes.driving.pose import rotation_of
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.types import ARKIT_NAMES

JAW = ARKIT_NAMES.index("jawOpen")


def test_the_face_goes_from_key_to_key_and_is_slow_at_both_ends():
    motion = play_keys(parse_keys("0: neutral\n2: jawOpen 0.8, yaw 30\n1 jawOpen 0.4"), 25)
    jaw = motion.arkit[:, JAW]
    assert len(motion) == 51
    assert jaw[[0, 25, 50]] == pytest.approx([0, 0.4, 0.8], abs=1e-5)
    assert jaw[12] == pytest.approx(0.2, abs=0.02)
    assert jaw[1] < 0.005
    assert np.all(np.diff(jaw) >= -1e-6)
    assert np.allclose(motion.rotation[50], rotation_of(np.radians(30), 0), atol=1e-5)


def test_expressions_macros_and_weights_add_up():
    (key,) = parse_keys("0: happy 0.5, brows 0.2, turn 10, roll -5, jawOpen=0.1")
    assert key.weights["jawOpen"] == pytest.approx(0.5 * EXPRESSIONS["happy"]["jawOpen"] + 0.1)
    assert key.weights["mouthSmileLeft"] == pytest.approx(0.5 * EXPRESSIONS["happy"]["smile"] * 0.8)
    assert key.weights["browInnerUp"] > 0.2 * 0.85
    assert key.angles == pytest.approx({"yaw": 10, "pitch": 0, "roll": -5})


def test_a_loop_ends_where_it_begins():
    motion = play_keys(parse_keys("0: happy\n1: sad"), 10, loop=True)
    assert len(motion) == 20
    assert np.abs(motion.arkit[-1] - motion.arkit[0]).max() < 0.05


def test_one_key_is_a_still():
    assert len(play_keys(parse_keys("0: wink"), 25)) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "There is no key frame"),
        ("happy", "Line 1 .* is no time"),
        ("0: turn", "Line 1 .*write 'turn 20'"),
        ("0: neutral\n1: hapy", "Line 2 .*Did you mean 'happy'"),
        ("0: zzzz", "Expressions are neutral"),
        ("-1: happy", "is no time"),
        ("0: happy 1e9", "there is no"),
        ("99999: happy", "within 3600 seconds"),
    ],
)
def test_a_line_that_is_not_understood_is_named(text, words):
    with pytest.raises(GagavatarError, match=words):
        parse_keys(text)
