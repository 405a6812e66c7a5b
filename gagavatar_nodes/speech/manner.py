"""How a face goes along with its voice."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from ..errors import GagavatarError

STRONGEST = 2.0


@dataclass(frozen=True)
class Manner:
    """Strength 0..2 of each part of the face: 0 keeps it still, 1 is natural.

    Raises:
        GagavatarError: a strength is out of its range.
    """

    mouth: float = 1.0
    head: float = 1.0
    """Nods, turns and wander."""
    brows: float = 1.0
    gaze: float = 1.0
    blinks: float = 1.0
    """How often: 2 is twice as often."""
    seed: int = 0
    """Another one is another performance of the same words; lips keep to them."""

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            if part.name != "seed" and not (math.isfinite(value) and 0 <= value <= STRONGEST):
                raise GagavatarError(f"The strength of '{part.name}' must be 0 to {STRONGEST:g}, but got {value}")
