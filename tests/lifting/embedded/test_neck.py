"""The neck stands in what is worn around it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from gagavatar_nodes.face.topology import CHIN
from gagavatar_nodes.lifting.embedded.binding import neck_follow
from gagavatar_nodes.lifting.embedded.cloth import cloth_beside
from gagavatar_nodes.lifting.embedded.complexion import skin_colors
from gagavatar_nodes.lifting.embedded.hair import outer_triangles
from gagavatar_nodes.lifting.embedded.head_fit import fit_head
from gagavatar_nodes.lifting.embedded.lift import parse_portrait
from gagavatar_nodes.lifting.embedded.mesh import vertex_normals
from gagavatar_nodes.lifting.embedded.neck import Neck
from gagavatar_nodes.lifting.embedded.stage import Stage

SKIN, CLOTH = (205, 150, 125), (20, 40, 120)
SIDES = np.array([[-5.0, 0.0, -7.5], [5.0, 0.0, -7.5]])  # of the neck, canonical centimeters


def heights(portrait, left: float, right: float) -> np.ndarray:
    """Collars over the chin at both sides, of a portrait all of skin and cloth: that ends at these heights."""
    painted, stage, _, head, regions = dressed(portrait, left, right)
    return Neck.of(painted, stage, head, regions).collar_height(SIDES) - painted.canonical[CHIN, 1]


def dressed(portrait, left: float, right: float):
    stage = Stage.of(portrait)
    at = SIDES * [1, 0, 1] + np.array([[0, left, 0], [0, right, 0]]) + [0, portrait.canonical[CHIN, 1], 0]
    ends = stage.project(stage.from_canonical(at))[:, 1]
    row, column = np.mgrid[: portrait.size, : portrait.size]
    worn = row > np.where(column < portrait.landmarks[CHIN, 0], *ends)
    crop = np.where(worn[..., None], CLOTH, SKIN).astype(np.uint8)
    painted = replace(portrait, crop=crop, alpha=np.ones_like(portrait.alpha))
    head = fit_head(painted.canonical)
    regions, depth = parse_portrait(painted, stage, head)
    return painted, stage, depth, head, regions


def test_a_collar_is_as_high_as_it_is_seen_beside_the_neck(portrait):
    assert heights(portrait, 1.5, -2.0) == pytest.approx([1.5, -2.0], abs=0.8)


def test_a_bare_neck_has_none(portrait):
    assert (heights(portrait, -90, -90) < -8).all()


def test_completed_skin_has_no_cloths_color(portrait):
    """Blue up to the chin all around: neither the jaw's underside nor the nape above it turns blue."""
    painted, stage, depth, head, regions = dressed(portrait, 0.5, 0.5)
    triangles = outer_triangles(head)
    used = np.unique(triangles)
    points, normals = head[used], vertex_normals(head, triangles)[used]
    colors, _ = skin_colors(points, normals, painted, stage, depth, head, regions)
    skin = points[:, 1] > painted.canonical[CHIN, 1] - 0.5
    hue = colors[skin] - colors[skin].mean(1, keepdims=True)
    assert (hue[:, 0] > 0).mean() > 0.98
    assert np.median(hue, axis=0) == pytest.approx(np.array(SKIN) / 255 - np.mean(SKIN) / 255, abs=0.05)


def test_the_nape_stays_in_a_collar_and_turns_over_it(portrait):
    chin = portrait.canonical[CHIN, 1]
    nape = np.array([[0.0, chin + height, -12.0] for height in (-2, 0, 2, 6)])
    share = neck_follow(nape, portrait, np.full(len(nape), chin))
    assert share[:2] == pytest.approx([0, 0], abs=0.01)
    assert (np.diff(share) >= 0).all()
    assert 0.05 < share[2] < 0.5
    assert share[3] == pytest.approx(1)


def test_a_collar_stays_with_the_body(portrait):
    """Blue under the chin, up to the neck and on it: it is cloth all over, and skin beside it is none."""
    painted, stage, _, _, regions = dressed(portrait, -2.0, -2.0)
    cloth = cloth_beside(painted, stage, regions)
    near = np.abs(np.arange(portrait.size) - painted.landmarks[CHIN, 0]) < 3 * stage.scale
    margin = np.ones((round(2 * stage.scale),) * 2, np.uint8)
    for color, least, most in ((CLOTH, 0.9, 1.01), (SKIN, -0.01, 0.1)):
        inside = cv2.erode((painted.crop == color).all(-1).astype(np.uint8), margin)[:, near] > 0
        assert inside.any()
        assert least < cloth[:, near][inside].min() <= cloth[:, near][inside].max() < most


def test_no_skin_hangs_under_the_jaw_beside_a_neck_that_ends_there(portrait, lift):
    """The matte has a strip under the jaw at one side only: no neck goes on from it."""
    stage = Stage.of(portrait)
    marks = portrait.landmarks
    row, column = np.mgrid[: portrait.size, : portrait.size]
    gone = (row > marks[CHIN, 1] + 1.3 * stage.scale) & (column < marks[CHIN, 0] - stage.scale)
    avatar = lift(replace(portrait, alpha=np.where(gone, 0, portrait.alpha).astype(np.float32)), 148)
    layer = avatar.layer
    opaque = layer.opacities[layer.lattice :] > 0.5
    x, y, z = layer.points[layer.lattice :][opaque].T
    low, side = y < portrait.canonical[CHIN, 1] - 0.8, np.abs(x) > 1.5
    hang = low & side & (z < -3)
    assert (hang & (x < 0)).sum() < 0.1 * (hang & (x > 0)).sum()  # as many without the mend
