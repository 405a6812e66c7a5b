"""One face made of sliders, an emotion and what a photo shows, on top of a motion."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..types import ARKIT_NAMES, Motion
from .macros import EXPRESSIONS, LEAST_WEIGHT, MOST_WEIGHT, spread
from .operations import add_arkit
from .pose import scale_head_pose, turn_by, turn_head

PARTS = ("eyes", "mouth", "brows", "pose")
"""Parts of a face that can be taken by themselves; the mouth's are jaw, cheeks, nose and tongue as well."""
_STARTS = {"eyes": "eye", "brows": "brow"}


@dataclass(frozen=True)
class Borrowed:
    """The face of a photo, to be added."""

    photo: Motion
    """Its first frame counts."""
    strength: float = 1.0
    parts: Collection[str] = PARTS

    @property
    def weights(self) -> dict[str, float]:
        """ARKit weights of the parts, at full strength."""
        shown = zip(ARKIT_NAMES, self.photo.arkit[0].tolist(), strict=True)
        return {name: weight for name, weight in shown if part_of(name) in self.parts}


def pose_face(
    base: Motion,
    values: Mapping[str, float],
    emotion: str = "neutral",
    emotion_strength: float = 1.0,
    borrowed: Borrowed | None = None,
) -> Motion:
    """Return a motion with a face added in each of its frames.

    Args:
        base: what it is added to; `neutral_motion` for the face alone.
        values: sliders by name: macros, ARKit weights, and degrees of yaw, pitch and roll.
        emotion: one of `EXPRESSIONS`, added to the sliders.
        emotion_strength: how much of it.
        borrowed: a photo's expression and head pose.
    """
    summed = dict(values)
    for name, value in EXPRESSIONS[emotion].items():
        summed[name] = summed.get(name, 0.0) + emotion_strength * value
    weights, angles = spread(summed)
    moved = base
    if borrowed is not None and borrowed.strength:
        for name, value in borrowed.weights.items():
            weights[name] = weights.get(name, 0.0) + borrowed.strength * value
        if "pose" in borrowed.parts:
            moved = turn_by(moved, scale_head_pose(borrowed.photo, borrowed.strength).rotation[0])
    weights = {name: min(max(weight, LEAST_WEIGHT), MOST_WEIGHT) for name, weight in weights.items() if weight}
    moved = add_arkit(moved, weights) if weights else moved
    return turn_head(moved, angles["yaw"], angles["pitch"], angles["roll"])


def part_of(name: str) -> str:
    """Return which of `PARTS` an ARKit blendshape belongs to."""
    return next((part for part, start in _STARTS.items() if name.startswith(start)), "mouth")
