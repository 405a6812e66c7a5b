"""How much may be decoded for one job, counted while it is decoded: what a file says of itself bounds nothing."""

from __future__ import annotations

import contextvars
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import MediaError

T = TypeVar("T")

_SPARE = 0.5
"""Seconds that a file may be longer."""
_FASTEST = 240.0
"""Pictures a second that are decoded at most."""


@dataclass(frozen=True)
class Budget:
    """Bounds on what is decoded of one file."""

    seconds: float
    pixels: int = 40_000_000
    """Of one picture of a video."""
    total: float = 4e9
    """Pixels of an animated picture."""

    def check_length(self, path: Path, seconds: float) -> None:
        """Raise `MediaError` where a file is too long."""
        if seconds > self.seconds + _SPARE:
            raise MediaError(
                f"{path.name} is longer than {self.seconds:g} s, the most that is used here: cut it, or use the "
                "command line"
            )

    def check_size(self, path: Path, width: int, height: int) -> None:
        """Raise `MediaError` where the pictures of a video are too large."""
        if width * height > self.pixels:
            raise MediaError(f"{path.name} has {width} x {height} pixels, which is too large here: make it smaller")


current: contextvars.ContextVar[Budget | None] = contextvars.ContextVar("budget", default=None)
"""The bounds of the running job; None where there are none."""


@contextmanager
def within(bounds: Budget | None) -> Iterator[None]:
    """Bound what is decoded inside of the block; None for no bounds."""
    token = current.set(bounds)
    try:
        yield
    finally:
        current.reset(token)


def bounded(items: Iterable[T], path: Path, rate: float = _FASTEST) -> Iterator[T]:
    """Yield items, of which `rate` belong to a second, as long as they keep to the budget.

    Raises:
        MediaError: there are more.
    """
    budget = current.get()
    for count, item in enumerate(items):
        if budget is not None:
            budget.check_length(path, count / rate)
        yield item
