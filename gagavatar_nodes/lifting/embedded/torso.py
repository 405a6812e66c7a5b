"""The torso: it goes along with a head that moves aside, by as much as people's do, but for where it was cut."""

from __future__ import annotations

import numpy as np

from .layer import Layer
from .stage import Stage

_BODY, _SEEN = 0.5, 0.3  # less of `Layer.head`, and opacity
_EDGE = 0.01  # of the crop


def torso_ends(layer: Layer, stage: Stage) -> np.ndarray:
    """[4] where the torso ends in the portrait, see `Rig.torso`; zeros if there is none."""
    body = layer.points[(layer.head < _BODY) & (layer.opacities > _SEEN)].astype(np.float64)
    if not len(body):
        return np.zeros(4)
    pixels = stage.project(stage.from_canonical(body))[:, :2]
    low, high = pixels.min(0), pixels.max(0)
    (left, lower, _), (right, _, _) = stage.unproject(np.array([[low[0], high[1]], high]), np.zeros(2))
    return np.array([left, right, lower, high[1] > stage.size * (1 - _EDGE)])
