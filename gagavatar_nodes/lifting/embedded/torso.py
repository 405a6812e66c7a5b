"""The torso: it goes along with a head that moves aside, by as much as people's do, but for where it was cut."""

from __future__ import annotations

import numpy as np

from ...driving.retarget import HeadPlacement
from ...export.rig import TORSO_PIVOT, TORSO_SHARE
from ...face.pose import NECK_PIVOT
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


def torso_shift(stage: Stage, placement: HeadPlacement) -> np.ndarray:
    """[3] centimeters on the stage that the torso moves when the head does.

    Measured on talking people: it goes by a share of what the skull's base does, about which heads turn and tilt.
    """
    arm = np.array(TORSO_PIVOT) - NECK_PIVOT
    moved: np.ndarray = placement.shift + (placement.scale * placement.rotation - stage.rotation) @ arm
    return moved * TORSO_SHARE
