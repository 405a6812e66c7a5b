"""What the portrait saw from its side gives way as the head turns it to the camera: its outline before the rest."""

from __future__ import annotations

import numpy as np

from gagavatar_nodes.lifting.embedded.binding import Binding
from gagavatar_nodes.lifting.embedded.layer import Layer, discs
from gagavatar_nodes.lifting.embedded.steep import OUTLINE_CM, steep_splats

SIDE, STEP_CM = 41, 0.1
SKIN, RIM = np.array([0.7, 0.5, 0.4]), np.array([1.0, 0.95, 0.7])


def give_way(facing: float, color: np.ndarray) -> tuple[float, float]:
    """Cosines beyond which the outline and the middle of a slanting sheet of one color give way to skin under it."""
    line = STEP_CM * (np.arange(SIDE) - SIDE // 2)
    points = np.stack([*np.meshgrid(line, line), np.zeros((SIDE, SIDE))], -1).reshape(-1, 3)
    count = len(points)
    under = discs(points - [0, 0, 0.3], Binding.free(count), np.tile(SKIN, (count, 1)), 0.99, STEP_CM)
    sheet = discs(points, Binding.free(count), np.tile(color, (count, 1)), 0.99, STEP_CM)
    sheet.neighbors[:] = np.clip(np.arange(count)[:, None] + [-1, 1, -SIDE, SIDE], 0, count - 1)
    layer = Layer.stack([sheet, under])
    normals = np.tile([np.sqrt(1 - facing**2), 0, facing], (count, 1))
    rows, _, beyond = steep_splats(
        layer, np.ascontiguousarray(layer.points.T), normals, np.ones(count, bool), np.eye(3)
    )
    inside = (2.0 - np.abs(points[rows, :2]).max(1)).round(3)
    outline, middle = inside < OUTLINE_CM[0] - STEP_CM, inside > OUTLINE_CM[1] + STEP_CM
    assert min(outline.sum(), middle.sum()) > 100
    return float(np.median(beyond[outline])), float(np.median(beyond[middle]))


def test_an_outline_gives_way_before_what_lies_inside_of_it():
    outline, middle = give_way(0.25, SKIN)
    assert 0.02 < middle - outline < 0.1  # but not at rest


def test_an_outline_unlike_the_skin_under_it_gives_way_soonest():
    """As a rim of light, which would lie on the cheek as a bright line."""
    (alike, inside), (unlike, _) = (give_way(0.5, color) for color in (SKIN, RIM))
    assert unlike < alike - 0.1
    assert unlike < inside - 0.15
