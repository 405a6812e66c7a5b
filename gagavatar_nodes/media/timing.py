"""Frame rates: choosing a constant one, and bringing timed frames to it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

from ..errors import MediaError

T = TypeVar("T")

DEFAULT_FPS = Fraction(25)
_STANDARD = (
    Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(50),
    Fraction(60000, 1001), Fraction(60),
)  # fmt: skip
FPS_RANGE = (0.01, 1000.0)
"""Rates that are worked with; one frame in minutes is a slide show, and more than a thousand are a fault."""
_SNAP = 0.015  # a phone's 29.87 fps on average is 29.97 with a few late frames
_FASTEST_VIDEO = 240
_HALF = 0.499  # not 0.5, for rounded times
LONGEST_STEP = 10.0
"""Seconds; a longer step in time is a fault of a file whose format allows its clock to jump."""


def as_fraction(fps: float | Fraction) -> Fraction:
    """Frames a second as a fraction that containers can hold.

    Raises:
        MediaError: out of `FPS_RANGE`.
    """
    low, high = FPS_RANGE
    if not low <= fps <= high:
        raise MediaError(f"{float(fps):g} frames a second are not possible: choose {low:g} to {high:g}")
    return Fraction(fps).limit_denominator(1001)


def constant_fps(*averages: Fraction | float | None) -> Fraction:
    """Return the constant rate to resample a video to, from the first of its average rates that makes sense."""
    average = next((rate for rate in averages if rate is not None and FPS_RANGE[0] <= rate <= _FASTEST_VIDEO), None)
    if average is None:
        return DEFAULT_FPS
    average = Fraction(average)  # PyAV has rationals of its own
    nearest = min(_STANDARD, key=lambda rate: abs(rate - average))
    if abs(nearest - average) <= _SNAP * nearest:
        return nearest
    if abs(round(average) - average) <= 0.001 * average:  # a mean of rounded times
        return Fraction(round(average))
    return Fraction(average).limit_denominator(1001)


def at_constant_rate(
    frames: Iterable[tuple[float | None, T]],
    fps: float | Fraction,
    last: float | Fraction,
    longest: float = LONGEST_STEP,
    start: float | None = None,
    first: int = 0,
) -> Iterator[T]:
    """Hold or drop timed frames so that they come `fps` times a second.

    Each frame is shown from the slot nearest to its time until the next frame's slot. At least one is given, but for
    those that are passed over by `first`.

    Args:
        frames: time in seconds (None: `last` after the frame before) and frame, in order.
        fps: frames a second.
        last: seconds that the last frame is shown.
        longest: seconds that any other frame may be shown; a longer step in time is a fault and is closed.
        start: time of slot 0; None is that of the first of `frames`.
        first: slot of the first frame that is given. Of those before it the last must be among `frames`.
    """
    period, last = 1 / float(fps), float(last)
    origin: float | None = None
    shown: tuple[T] | None = None
    slot, time = first, 0.0
    for stamp, frame in frames:
        previous = time
        time = previous + last if stamp is None else stamp
        if origin is None:
            origin = time if start is None else start
        elif not previous < time <= previous + longest:  # a fault: it follows the frame before
            origin += time - previous - last
        upto = max(slot, _slot(time - origin, period))
        if shown is not None:
            for _ in range(slot, upto):
                yield shown[0]
        slot, shown = upto, (frame,)
    if shown is not None and origin is not None:
        for _ in range(slot, max(_slot(time + last - origin, period), 1)):
            yield shown[0]


def _slot(time: float, period: float) -> int:
    """Return the slot nearest to `time`, the later one of two."""
    return math.ceil(time / period - _HALF)
