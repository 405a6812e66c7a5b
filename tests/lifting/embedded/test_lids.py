"""Lids: unseen in an open eye, and over all of a shut one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gagavatar_nodes import assets
from gagavatar_nodes.driving.operations import add_arkit, neutral_motion
from gagavatar_nodes.lifting.embedded import lift_portrait
from gagavatar_nodes.lifting.embedded.binding import Handle
from gagavatar_nodes.media.images import read_image
from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.tracking.portrait import track_portrait
from gagavatar_nodes.types import ARKIT_NAMES

SIZE = 384
LIDS, IRISES = (Handle.LEFT_LID, Handle.RIGHT_LID), (Handle.LEFT_GAZE, Handle.RIGHT_GAZE)


@pytest.fixture(scope="module", params=["portrait_admiral.jpg", "portrait_pocahontas.jpg"])
def avatar(request):
    return lift_portrait(track_portrait(read_image(assets.path(request.param)).rgb), 160)


def blinking(*shut: float):
    weights = np.zeros((len(shut), len(ARKIT_NAMES)))
    for side in ("eyeBlinkLeft", "eyeBlinkRight"):
        weights[:, ARKIT_NAMES.index(side)] = shut
    return add_arkit(neutral_motion(len(shut)), weights)


def share(avatar, gaussians, handles) -> np.ndarray:
    """[SIZE, SIZE] 0..1 of each pixel that comes from the splats that handles move."""
    binding = avatar.layer.binding
    marks = (np.isin(binding.controls, handles) & (binding.weights > 0)).any(1).astype(np.float32)
    marked = replace(gaussians, features=np.repeat(marks[:, None], 3, 1))
    return rasterize(marked, avatar.camera(), SIZE, SIZE)[0][..., 0]


def test_no_lid_is_seen_in_the_portrait_as_it_was_taken(avatar):
    assert share(avatar, avatar.rest(), LIDS).max() < 0.1


def test_a_blink_draws_lids_over_the_irises(avatar):
    performance = avatar.perform(blinking(0, 0.4, 1))
    irises = [share(avatar, performance.gaussians(i), IRISES).sum() for i in range(3)]
    lids = [share(avatar, performance.gaussians(i), LIDS).sum() for i in range(3)]
    assert irises[2] < 0.1 * irises[0]
    assert irises[2] < 0.3 * irises[1]
    assert lids[0] < 0.05 * lids[2]
    assert lids[2] > irises[0]
