import numpy as np
import pytest

from gagavatar_nodes.app import expressions
from gagavatar_nodes.driving.macros import EXPRESSIONS
from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS
from gagavatar_nodes.types import ARKIT_NAMES


def test_every_blendshape_has_one_slider():
    assert sorted(name for names in expressions.GROUPS.values() for name in names) == sorted(ARKIT_NAMES)


def test_sliders_mean_what_the_node_expression_means():
    values = {"turn": 20.0, "nod": -5.0, "roll": 4.0, "smile": 0.6, "jawOpen": 0.5, "mouthSmileLeft": 0.3}
    node = NODE_CLASS_MAPPINGS["GAGAvatarExpression"]
    required = node.INPUT_TYPES()["required"]
    inputs = {name: spec[1]["default"] for name, spec in required.items()} | expressions.node_inputs(values)
    motion = node().run(**inputs)["result"][0]
    posed = expressions.pose_face(values)
    np.testing.assert_allclose(posed.rotation, motion.rotation, atol=1e-6)
    np.testing.assert_allclose(posed.deltas.astype(np.float32), motion.deltas.astype(np.float32), atol=2e-3)


def test_a_glance_to_the_image_right_moves_both_irises_there():
    ahead, right = expressions.pose_face({}).gaze[0], expressions.pose_face({"gaze": 0.8}).gaze[0]
    assert (right[:, 0] > ahead[:, 0] + 0.02).all()


def test_a_motion_passes_through_its_key_frames():
    keys = [{"jawOpen": 0.0}, {"jawOpen": 0.8, "turn": 30.0}, {"turn": -10.0}]
    motion = expressions.interpolate_keys(keys, 0.4, 25.0)
    assert len(motion) == 21
    jaw = motion.arkit[:, ARKIT_NAMES.index("jawOpen")]
    assert jaw[[0, 10, 20]] == pytest.approx([0, 0.8, 0], abs=1e-6)
    assert np.degrees(np.arcsin(motion.rotation[[10, 20], 0, 2])) == pytest.approx([30, -10], abs=1e-3)
    assert (np.diff(jaw[:11]) >= 0).all()


def test_json_brings_the_sliders_back():
    values = expressions.random(np.random.default_rng(3))
    back = expressions.from_json(expressions.to_json(values))
    assert back == pytest.approx(values, abs=1e-3)


@pytest.mark.parametrize("text", ["", "[1]", '{"jawOpen": "wide"}', '{"grin": 1}', '{"turn": null}'])
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(GagavatarError):
        expressions.from_json(text)


def test_values_out_of_range_are_brought_into_it():
    values = expressions.from_json('{"yaw": 500, "jawOpen": -3, "gazeX": NaN}')
    assert (values["turn"], values["jawOpen"], values["gaze"]) == (60.0, 0.0, 0.0)


def test_one_half_of_the_face_follows_the_other():
    values = expressions.link_halves({"mouthSmileLeft": 0.4, "mouthSmileRight": 0.1, "jawLeft": 0.3, "jawRight": 0.0})
    assert values == {"mouthSmileLeft": 0.4, "mouthSmileRight": 0.4, "jawLeft": 0.3, "jawRight": 0.0}
    assert expressions.is_even(values)
    assert not expressions.is_even(EXPRESSIONS["wink"])


def test_too_long_motions_are_refused():
    with pytest.raises(GagavatarError, match="up to 60 s"):
        expressions.interpolate_keys([{}] * 100, 5.0, 25.0)
