"""The throat in the jaw's shade is told from what is worn around it."""

from __future__ import annotations

import numpy as np
import pytest

from gagavatar_nodes.face.topology import CHIN
from gagavatar_nodes.lifting.embedded.throat import like_shade, throat_of

SKIN = np.array([0.8, 0.6, 0.5])
SHADE = np.array([0.45, 0.28, 0.2])  # redder than the light is, as skin's is
WORN = {"shirt": [0.95, 0.95, 0.97], "coat": [0.03, 0.03, 0.04], "wool": [0.3, 0.3, 0.32], "blue": [0.15, 0.2, 0.5]}


def test_skin_in_the_shade_is_skin_and_cloth_is_none():
    assert like_shade(SHADE, SKIN) > 0.8
    assert like_shade(SKIN, SKIN) > 0.8
    for color in WORN.values():
        assert like_shade(np.array(color), SKIN) < 0.3


@pytest.mark.parametrize("under", [SHADE, *WORN.values()], ids=["bare", *WORN])
def test_the_jaws_underside_has_the_throats_color_or_its_own_shade(portrait, under):
    shown = np.mgrid[: portrait.size, : portrait.size][0] > portrait.landmarks[CHIN, 1]
    color = np.where(shown[..., None], np.array(under), SKIN)
    throat, below = throat_of(color, shown, SKIN, portrait)
    if under is SHADE:
        assert below == pytest.approx(SHADE, abs=0.02)
        assert throat[-1, round(float(portrait.landmarks[CHIN, 0]))] > 0.8
    else:
        assert not throat.any()
        assert (below < SKIN).all()
        assert below / below.sum() == pytest.approx(SKIN / SKIN.sum())


def test_dark_hair_beside_the_throat_is_no_shade(portrait):
    rows, columns = np.mgrid[: portrait.size, : portrait.size]
    column, row = portrait.landmarks[CHIN, :2]
    shown, hair = rows > row, np.abs(columns - column) > 2.8 * portrait.pose.scale
    color = np.where(shown[..., None], np.where(hair[..., None], 0.55 * SHADE, SHADE), SKIN)
    assert like_shade(0.55 * SHADE, SKIN) > 0.5  # by itself it could be
    throat, below = throat_of(color, shown, SKIN, portrait)
    assert below == pytest.approx(SHADE, abs=0.02)
    assert throat[shown & hair].max() < 0.1
    assert throat[-1, round(float(column))] > 0.8
