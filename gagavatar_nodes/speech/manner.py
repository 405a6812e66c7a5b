"""How a face goes along with its voice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from ..errors import GagavatarError
from . import VOICES

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


PARTS = tuple(part.name for part in fields(Manner) if part.name != "seed")
"""Of the face."""


def split_voices(given: Sequence[str]) -> tuple[str, str | None]:
    """Return the model and the file of words among names and files.

    Raises:
        GagavatarError: there are two of a kind.
    """
    models = [one for one in given if one in VOICES]
    files = [one for one in given if one not in VOICES]
    if len(models) > 1 or len(files) > 1:
        raise GagavatarError(f"--voice takes one model ({', '.join(VOICES)}) and one file, but got {', '.join(given)}")
    return models[0] if models else VOICES[0], files[0] if files else None
