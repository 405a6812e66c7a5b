"""What a variant of a metric is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..settings import Settings

if TYPE_CHECKING:
    from .sights import Moment, Sight
    from .tracks import Tracks

SELF, CROSS = "self", "cross"
PROTOCOLS = (SELF, CROSS)
"""self: the first frame of a video is the portrait, the others drive and are the truth. cross: the portrait is another
person's, so that there is no true picture: identity is compared with the portrait, motion with the driver."""

OfFrame: TypeAlias = "Callable[[Moment], float]"
OfTracks: TypeAlias = "Callable[[Tracks], np.ndarray | float]"
Maker: TypeAlias = Callable[[Settings], Any]
"""Loads what a variant measures with; raises a GagavatarError that says how to get what is missing."""


@dataclass(frozen=True)
class Variant:
    """One way of computing a metric. Numbers of different variants do not compare."""

    id: str
    """For ever: metric, variant, region, joined by dots."""
    title: str
    definition: str
    """What is computed, in one sentence."""
    source: str
    """Where the definition comes from."""
    unit: str
    better: str
    """"higher", "lower" or "" where neither is."""
    of_frame: OfFrame | None = None
    """Value of one frame; NaN where its face is not found."""
    of_tracks: OfTracks | None = None
    """Values [T] by frame, or one value, of the whole video."""
    papers: tuple[str, ...] = ()
    """Methods whose publications used it, see `published`."""
    protocols: tuple[str, ...] = PROTOCOLS
    instrument: Maker | None = None
    """What must be there."""


class Instruments:
    """Networks and files that variants measure with: each is loaded once in a process."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._made: dict[Maker, Any] = {}

    def get(self, make: Maker) -> Any:
        """Return what `make` gives, made at the first call. Raises what `make` does."""
        if make not in self._made:
            self._made[make] = make(self.settings)
        return self._made[make]


def code_difference(read: Callable[[Sight], Any], part: str, sum_up: bool = False) -> OfFrame:
    """Return what compares a part of the codes that a network reads: mean, or sum, of absolute differences.

    NaN where result or truth has no codes.
    """

    def of_frame(moment: Moment) -> float:
        result, truth = read(moment.result), read(moment.truth)
        if result is None or truth is None:
            return float("nan")
        difference = np.abs(getattr(result, part) - getattr(truth, part))
        return float(difference.sum() if sum_up else difference.mean())

    return of_frame
