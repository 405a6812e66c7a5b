"""Frame rates: choosing a constant one, and bringing timed frames to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

T = TypeVar("T")

DEFAULT_FPS = Fraction(25)
_STANDARD = (
    Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(50),
    Fraction(60000, 1001), Fraction(60),
)  # fmt: skip
_SNAP = 0.015  # a phone's 29.87 fps on average is 29.97 with a few late frames
_MAX_FPS = 240
_LONGEST_GAP = 10.0  # seconds; a longer step in time is a fault of the file


def constant_fps(average: Fraction | float | None) -> Fraction:
    """The constant rate to resample a video of this average rate to."""
    if average is None or not 0 < average <= _MAX_FPS:
        return DEFAULT_FPS
    nearest = min(_STANDARD, key=lambda rate: abs(rate - average))
    if abs(nearest - average) <= _SNAP * nearest:
        return nearest
    return Fraction(average).limit_denominator(1001)


def at_constant_rate(frames: Iterable[tuple[float | None, T]], fps: float | Fraction) -> Iterator[T]:
    """Hold or drop timed frames so that they come `fps` times a second.

    Each frame is shown from the slot nearest to its time until the next frame's slot; the last one takes one slot.

    Args:
        frames: time in seconds (None: one period after the frame before) and frame, in order.
    """
    period = 1 / float(fps)
    origin: float | None = None
    shown: tuple[T] | None = None
    slot, time = 0, 0.0
    for stamp, frame in frames:
        previous = time
        time = previous + period if stamp is None else stamp
        if origin is None:
            origin = time
        elif not previous - period <= time <= previous + _LONGEST_GAP:
            origin += time - previous - period
        upto = max(slot, round((time - origin) / period))
        if shown is not None:
            for _ in range(slot, upto):
                yield shown[0]
        slot, shown = upto, (frame,)
    if shown is not None:
        yield shown[0]
