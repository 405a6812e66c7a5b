"""Depth of the front layer under the jaw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gagavatar_nodes.face.topology import CHIN
from gagavatar_nodes.lifting.embedded.depth import front_depth, landmark_mesh
from gagavatar_nodes.lifting.embedded.head_fit import fit_head
from gagavatar_nodes.lifting.embedded.stage import Stage


def test_a_bare_throat_lies_behind_the_jaw(portrait):
    """A throat that hung from the jaw would turn with it; what is worn in its place may."""
    stage, shown = Stage.of(portrait), np.ones_like(portrait.alpha)
    opaque = replace(portrait, alpha=shown)
    column, row = np.round(portrait.landmarks[CHIN, :2]).astype(int)
    throat = shown * (np.arange(portrait.size)[:, None] > row)
    steps = []
    for seen in (throat, 0 * throat):
        z = front_depth(opaque, stage, fit_head(portrait.canonical), landmark_mesh(opaque), seen.astype(np.float32)).z
        steps.append(z[row - round(stage.scale), column] - z[row + round(stage.scale), column])
    bare, worn = steps
    assert 2.5 < bare < 9
    assert bare > worn + 0.8
