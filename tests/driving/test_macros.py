import numpy as np
import pytest

from gagavatar_nodes.driving.macros import EXPRESSIONS, MACROS, macro_angles, macro_weights
from gagavatar_nodes.driving.operations import add_arkit, neutral_motion
from gagavatar_nodes.face.topology import INNER_LIPS, LOWER_LIDS, MOUTH_CORNERS, UPPER_LIDS
from gagavatar_nodes.types import ARKIT_NAMES


def face(**values):
    """[478, 3] canonical landmarks under macros."""
    motion = add_arkit(neutral_motion(), macro_weights(values))
    return motion.neutral + motion.deltas[0].astype(np.float32)


def height(points, upper, lower):
    return (points[list(upper), 1] - points[list(lower), 1]).mean()


def test_macros_do_what_they_say():
    rest = face()
    lids = np.ravel(UPPER_LIDS), np.ravel(LOWER_LIDS)
    assert height(face(blink=1), *lids) < 0.35 * height(rest, *lids) < height(face(blink=-1), *lids)
    corners = list(MOUTH_CORNERS)
    assert face(smile=1)[corners, 1].mean() > rest[corners, 1].mean() > face(smile=-1)[corners, 1].mean()
    width = {name: np.ptp(face(**{name: 1})[corners, 0]) for name in ("aaa", "eee", "ooo")}
    assert width["eee"] > width["aaa"] > width["ooo"]
    opening = {name: np.ptp(face(**{name: 1})[list(INNER_LIPS), 1]) for name in ("jaw", "aaa", "ooo")}
    assert min(opening["jaw"], opening["aaa"]) > opening["ooo"] > np.ptp(rest[list(INNER_LIPS), 1])


def test_a_macro_is_even_on_both_sides_and_grows_with_its_slider():
    for name, macro in MACROS.items():
        half, full = (macro_weights({name: part * macro.high}) for part in (0.5, 1.0))
        assert full == pytest.approx({shape: 2 * weight for shape, weight in half.items()})
        if name != "gaze":
            mirrored = {
                s.replace("Left", "_").replace("Right", "Left").replace("_", "Right"): w for s, w in full.items()
            }
            assert mirrored == full


def test_turn_and_nod_are_degrees_of_the_head():
    assert macro_angles({"turn": 20, "nod": -5, "jaw": 1}) == {"yaw": 20, "pitch": -5}
    assert macro_weights({"turn": 20, "nod": -5}) == {}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_keep_to_the_sliders_ranges(name):
    for slider, value in EXPRESSIONS[name].items():
        low, high = (MACROS[slider].low, MACROS[slider].high) if slider in MACROS else (0, 1)
        assert slider in MACROS or slider in ARKIT_NAMES
        assert low <= value <= high
