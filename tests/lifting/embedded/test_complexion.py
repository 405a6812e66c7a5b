"""The hue of completed skin: that of what is seen of it in the same light."""

from __future__ import annotations

import numpy as np
import pytest

from gagavatar_nodes.lifting.embedded.completion import Sight
from gagavatar_nodes.lifting.embedded.complexion import as_saturated

LIGHT = np.linspace(0.2, 0.9, 500)
UNSEEN = {"gray": [0.4, 0.4, 0.4], "lips": [0.6, 0.15, 0.1], "hair": [0.3, 0.3, 0.3]}


def skin(light: np.ndarray) -> np.ndarray:
    """[N, 3] brown in the shade, almost white in the light."""
    return light[:, None] ** np.array([0.6, 1.0, 1.7])


def completed(shown: np.ndarray) -> dict[str, np.ndarray]:
    """The colors of `UNSEEN` beside those of seen skin [N, 3]."""
    trust = np.concatenate([np.ones(len(shown)), np.zeros(len(UNSEEN))])
    colors = np.concatenate([shown, np.array(list(UNSEEN.values()))])
    hair = np.array([0.0] * len(shown) + [float(name == "hair") for name in UNSEEN])
    result = as_saturated(colors, Sight(trust, colors, hair), hair, 1 - trust)
    assert result[: len(shown)] == pytest.approx(shown, abs=1e-6)
    return dict(zip(UNSEEN, result[len(shown) :], strict=True))


def test_gray_in_skin_takes_the_hue_that_skin_has_in_that_light():
    gray = completed(skin(LIGHT))["gray"]
    nearest = skin(LIGHT)[np.abs(skin(LIGHT).mean(1) - gray.mean()).argmin()]
    assert gray == pytest.approx(nearest, abs=0.05)


def test_lips_and_hair_keep_their_colors():
    colors = completed(skin(LIGHT))
    assert colors["lips"] == pytest.approx(UNSEEN["lips"], abs=1e-6)
    assert colors["hair"] == pytest.approx(UNSEEN["hair"], abs=1e-6)


def test_a_portrait_without_colors_gets_none():
    gray = completed(np.repeat(LIGHT[:, None], 3, axis=1))["gray"]
    assert np.ptp(gray) < 1e-6
