"""What the portrait saw from its side gives way as the head turns it to the camera: its outline before the rest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gagavatar_nodes.lifting.embedded.binding import Binding
from gagavatar_nodes.lifting.embedded.layer import Layer, discs
from gagavatar_nodes.lifting.embedded.steep import OUTLINE_CM, TURN, steep_splats

SIDE, STEP_CM = 41, 0.1
FRONTAL, TURNED = np.eye(3), Rotation.from_euler("y", 30, degrees=True).as_matrix()
SKIN, RIM = np.array([0.7, 0.5, 0.4]), np.array([1.0, 0.95, 0.7])


def slanting(facing: float, color: np.ndarray, side: int) -> tuple[Layer, np.ndarray]:
    """A sheet of one color that is seen under the cosine `facing`, skin close under it, and its normals."""
    line = STEP_CM * (np.arange(side) - side // 2)
    points = np.stack([*np.meshgrid(line, line), np.zeros((side, side))], -1).reshape(-1, 3)
    count = len(points)
    normals = np.tile([np.sqrt(1 - facing**2), 0, facing], (count, 1))
    under = discs(points - [0, 0, 0.3], Binding.free(count), np.tile(SKIN, (count, 1)), 0.99, STEP_CM, normals=normals)
    sheet = discs(points, Binding.free(count), np.tile(color, (count, 1)), 0.99, STEP_CM)
    sheet.neighbors[:] = np.clip(np.arange(count)[:, None] + [-1, 1, -side, side], 0, count - 1)
    return Layer.stack([sheet, under]), normals


def half_gone(
    layer: Layer, normals: np.ndarray, on_face: np.ndarray, rotation: np.ndarray = FRONTAL
) -> tuple[np.ndarray, np.ndarray]:
    """Cosines [L] to the camera at which half of a splat has given way, infinite where it never does.

    And [L] how much larger a cosine must become from the first of that to the last.
    """
    cosines, widths = np.full((2, len(normals)), np.inf)
    rest = np.ascontiguousarray(layer.points.T)
    rows, canonical, beyond = steep_splats(layer, rest, normals, on_face, rotation)
    length = np.linalg.norm(canonical, axis=1)
    cosines[rows], widths[rows] = (beyond + np.mean(TURN)) / length, (TURN[1] - TURN[0]) / length
    return cosines, widths


def give_way(facing: float, color: np.ndarray) -> tuple[float, float]:
    """Cosines at which the outline and the middle of a slanting sheet of one color have half given way."""
    layer, normals = slanting(facing, color, SIDE)
    count = len(normals)
    cosines, _ = half_gone(layer, normals, np.ones(count, bool), TURNED)
    inside = (2.0 - np.abs(layer.points[:count, :2]).max(1)).round(3)
    outline, middle = inside < OUTLINE_CM[0] - STEP_CM, inside > OUTLINE_CM[1] + STEP_CM
    assert min(np.isfinite(cosines[outline]).sum(), np.isfinite(cosines[middle]).sum()) > 100
    return float(np.median(cosines[outline])), float(np.median(cosines[middle]))


def test_an_outline_gives_way_before_what_lies_inside_of_it():
    outline, middle = give_way(0.25, SKIN)
    assert 0.02 < middle - outline < 0.1  # but not at rest


def test_an_outline_unlike_the_skin_under_it_gives_way_soonest():
    """As a rim of light, which would lie on the cheek as a bright line."""
    (alike, inside), (unlike, _) = (give_way(0.5, color) for color in (SKIN, RIM))
    assert unlike < alike - 0.1
    assert unlike < inside - 0.15


def test_where_the_portrait_did_not_see_the_other_side_either_it_gives_way_slowly():
    layer, normals = slanting(0.25, SKIN, 61)
    middle = np.abs(layer.points[: len(normals), :2]).max(1) < 0.5
    (_, frontal), (_, turned) = (
        half_gone(layer, normals, np.ones(len(normals), bool), rotation) for rotation in (FRONTAL, TURNED)
    )
    np.testing.assert_allclose(turned[middle], TURN[1] - TURN[0], rtol=0.01)
    assert (frontal[middle] > 2 * turned[middle]).all()


@pytest.mark.parametrize("rotation", [FRONTAL, TURNED])
def test_the_edge_of_a_face_stays_where_hair_beside_it_does(rotation):
    """Rows of long hair would else end in teeth beside a cheek that gave way."""
    layer, normals = slanting(0.25, SKIN, 61)
    sheet = layer.points[: len(normals)]
    on_face = np.hypot(*sheet[:, :2].T) < 1.5
    inward = 1.5 - np.hypot(*sheet[:, :2].T)
    edge, middle = (inward > 0) & (inward < 0.2), inward > 1.2
    over_skin, _ = half_gone(layer, normals, on_face, rotation)
    layer.points[len(normals) :][inward < 0.9] -= [0, 0, 3]  # the head is far under hair
    over_hair, _ = half_gone(layer, normals, on_face, rotation)
    assert (over_skin[edge] < 0.7).all()
    assert np.median(over_hair[edge] - over_skin[edge]) > 0.15
    np.testing.assert_allclose(over_hair[middle], over_skin[middle], atol=0.01)
