"""What is seen of one frame: the result, the truth and the portrait, and what several metrics read of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from ..face.topology import FACE_OVAL
from ..tracking.opencv import opencv
from .variants import Instruments

SCALE = 512
"""Lengths in pixels are those of a picture of this width, as the published ones are."""

_T = TypeVar("_T")


class Sight:
    """One picture, and what was found in it. What is expensive is looked for when it is first asked for."""

    def __init__(self, rgb: np.ndarray, points: np.ndarray | None, instruments: Instruments) -> None:
        """`rgb` is [H, W, 3] uint8, `points` its landmarks [478, 3] in pixels, None where no face was found."""
        self.rgb, self.points, self.instruments = rgb, points, instruments
        self._found: dict[Hashable, Any] = {}

    @property
    def unit(self) -> float:
        """Pixels of a picture `SCALE` wide for one pixel of this."""
        return SCALE / self.rgb.shape[1]

    def once(self, key: Hashable, work: Callable[[], _T]) -> _T:
        """Return the result of `work`, which several metrics want of this picture."""
        if key not in self._found:
            self._found[key] = work()
        return self._found[key]


class Moment:
    """A frame of a result, what it should be, and the portrait."""

    def __init__(self, index: int, result: Sight, truth: Sight, portrait: Sight, same_person: bool) -> None:
        """`truth` is the driver's frame; `same_person` says whether it is also the picture that is wanted."""
        self.index, self.result, self.truth, self.portrait = index, result, truth, portrait
        self.same_person = same_person

    @property
    def instruments(self) -> Instruments:
        """Return what metrics measure with."""
        return self.result.instruments

    @property
    def person(self) -> Sight:
        """The picture whose identity the result should have."""
        return self.truth if self.same_person else self.portrait

    @cached_property
    def outline(self) -> np.ndarray | None:
        """[H, W] bool, where the truth's face is."""
        return None if self.truth.points is None else inside_outline(self.truth.points, self.truth.rgb.shape)


def inside_outline(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """[H, W] bool where the face with landmarks [478, 3] is, in a picture of `shape` (H, W, ...)."""
    canvas = np.zeros(shape[:2], np.uint8)
    return opencv().fillPoly(canvas, [points[list(FACE_OVAL), :2].astype(np.int32)], 1) > 0
