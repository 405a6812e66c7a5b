"""Heads that the picture's upper edge cuts are whole when they move, and as they were within the picture."""

from __future__ import annotations

import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.face.topology import FOREHEAD
from gagavatar_nodes.lifting.embedded import lift_portrait
from gagavatar_nodes.lifting.embedded.cut import cut_off, whole_matte
from gagavatar_nodes.media.images import read_image
from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.tracking.portrait import track_portrait

CUT = 100  # rows of the bundled portrait: half of the hair over the forehead


@pytest.fixture(scope="module")
def portrait():
    return track_portrait(read_image(assets.path("example_portrait.jpg")).rgb[CUT:])


def test_the_matte_goes_on_above_the_picture_as_at_its_edge(portrait):
    missing, matte = cut_off(portrait), whole_matte(portrait)
    end = int(np.flatnonzero(missing[:, portrait.size // 2]).max())
    assert 20 < end < portrait.landmarks[FOREHEAD, 1]
    assert portrait.alpha[: end - 4].max() < 0.5
    assert matte[~missing] == pytest.approx(portrait.alpha[~missing])
    above, below = ((values > 0.5).sum(-1) for values in (matte[end - 10], portrait.alpha[end + 12]))
    assert above == pytest.approx(below, rel=0.2)


def test_a_cut_head_is_closed_by_a_rounded_one(portrait):
    avatar = lift_portrait(portrait, 148)
    _, alpha = rasterize(avatar.rest(), avatar.camera(), portrait.size, portrait.size)
    end = int(np.flatnonzero(cut_off(portrait)[:, portrait.size // 2]).max())
    widths = [(alpha[row] > 0.5).sum() for row in (end + 12, end - 8, end - 24)]
    assert widths[0] > widths[1] > widths[2] > 0.2 * widths[0]
    within = slice(end + 4, None)
    assert np.abs(alpha - portrait.alpha)[within].mean() < 0.02
