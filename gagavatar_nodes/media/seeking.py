"""A later moment of a film, reached without decoding all that comes before it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from .streams import moving_picture, open_container

_RUN_UP = 2
"""Key frames from which on is decoded: pictures after one may need those before it, and decoders learn their order."""


def packets_before(path: Path, moment: float, longest: float) -> int:
    """Return how many packets of a film's pictures can be left out by who wants those from `moment` on.

    They end at the last key frame but one before it. None can be left out where times are missing or jump, since only
    decoding then tells which frame is shown when.

    Args:
        path: of the film.
        moment: seconds on the clock of the file.
        longest: seconds that a frame may be shown, see `at_constant_rate`.

    Raises:
        av.error.FFmpegError: the file is damaged before that moment.
    """
    times: list[float] = []
    keys: list[int] = []
    decoded = -math.inf
    with open_container(path) as container:
        for packet in container.demux(moving_picture(container)):
            if packet.pts is None or packet.time_base is None:
                break
            time = float(packet.pts * packet.time_base)
            if packet.dts is not None:
                if packet.dts <= decoded:
                    break
                decoded = packet.dts
            if packet.is_keyframe:
                if time > moment or (keys and time <= times[keys[-1]]):
                    break
                keys.append(len(times))
            times.append(time)
    left_out = keys[-_RUN_UP] if len(keys) >= _RUN_UP else 0
    steps = np.diff(np.sort(times[: left_out + 1]))
    return left_out if len(steps) and steps.min() > 0 and steps.max() <= longest else 0
