import numpy as np
import pytest

from gagavatar_nodes.tracking.faces import choose_face
from gagavatar_nodes.tracking.overlay import draw_overlay


@pytest.fixture(scope="module")
def points(example_portrait):
    return choose_face(example_portrait).points


def changed(image, drawn):
    return (image != drawn).any(-1)


@pytest.mark.parametrize("mesh", [True, False])
def test_overlay_draws_on_the_face_and_leaves_the_frame_alone(example_portrait, points, mesh):
    before = example_portrait.copy()
    drawn = draw_overlay(example_portrait, points, mesh=mesh)
    np.testing.assert_array_equal(example_portrait, before)
    there = changed(before, drawn)
    left, top, right, bottom = points[:468, :2].min(0).tolist() + points[:468, :2].max(0).tolist()
    assert there[int(top) + 5 : int(bottom) - 5, int(left) + 5 : int(right) - 5].mean() > 0.05
    assert not there[:, : int(left) - 60].any()
    assert not there[int(bottom) + 60 :].any()


def test_a_bridged_frame_is_marked_at_its_border(example_portrait, points):
    for landmarks in (points, None):
        there = changed(example_portrait, draw_overlay(example_portrait, landmarks, bridged=True))
        assert there[0].all()
        assert there[:, -1].all()
        assert not there[300:600, 200:600].any()
