"""Built-in motions, so that no driver is needed: key frames of ARKit weights and poses, played on the bundled face."""

from __future__ import annotations

import difflib
import math
from dataclasses import replace

import numpy as np

from ..easing import smoothstep
from ..errors import GagavatarError
from ..types import ARKIT_NAMES, Motion
from .performances import PERFORMANCES, Keys, Performance
from .performing import add_blink, add_gaze, blink, columns_of, perform_weights
from .pose import rotation_of

BUILTIN_NAMES = tuple(PERFORMANCES)
"""Names that `builtin_motion` knows."""

_LONGEST_SECONDS = 3600


def builtin_motion(name: str, seconds: float | None = None, fps: float = 25.0) -> Motion:
    """Return a built-in motion whose last frame runs into its first; always the same.

    Args:
        name: one of `BUILTIN_NAMES`.
        seconds: length. The motion is repeated a whole number of times, at nearly its own pace, to fill it. None: once.
        fps: frames a second.

    Raises:
        GagavatarError: the name is unknown, or the length or frame rate makes no sense.
    """
    if name not in PERFORMANCES:
        near = difflib.get_close_matches(name, BUILTIN_NAMES, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise GagavatarError(f"There is no built-in motion '{name}': choose one of {', '.join(BUILTIN_NAMES)}.{hint}")
    play = PERFORMANCES[name]
    length = play.seconds if seconds is None else seconds
    if not (math.isfinite(fps) and fps > 0 and 0 < length <= _LONGEST_SECONDS):
        raise GagavatarError(
            f"A built-in motion needs 0 to {_LONGEST_SECONDS} seconds and frames per second above 0, "
            f"but got {length} s at {fps} fps"
        )
    count = max(1, round(length * fps))
    cycles = max(1, round(length / play.seconds))
    pace = cycles * play.seconds * fps / count  # seconds of the performance in a second of the motion
    time = np.arange(count) / fps * pace % play.seconds
    return replace(_perform(play, time, pace, fps), source=f"built-in: {name}")


def _perform(play: Performance, time: np.ndarray, pace: float, fps: float) -> Motion:
    """Return the performance at its own seconds [T]."""
    weights = _weights(play, time, pace, fps)
    head = np.radians(_at(play.head, time, play.seconds))
    shift = _at(play.shift, time, play.seconds)
    return perform_weights(weights, rotation_of(head[:, 0], head[:, 1], head[:, 2]), shift, fps)


def _weights(play: Performance, time: np.ndarray, pace: float, fps: float) -> np.ndarray:
    """ARKit weights [T, 52] float32 0..1."""
    weights = np.zeros((len(time), len(ARKIT_NAMES)))
    for name, keys in play.face.items():
        for column in columns_of(name):
            weights[:, column] += _at(keys, time, play.seconds)[:, 0]
    add_gaze(weights, _at(play.gaze, time, play.seconds))
    shut = np.zeros(len(time))
    for second in play.blinks:
        shut = np.maximum(shut, blink(_since(time, second, play.seconds) / pace, fps))
    add_blink(weights, shut)
    return np.clip(weights, 0, 1).astype(np.float32)


def _at(keys: Keys, time: np.ndarray, period: float) -> np.ndarray:
    """Values [T, K] of periodic key frames, eased in and out of each."""
    rows = np.array(sorted(keys), np.float64)
    rows[:, 0] %= period
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    seconds = np.concatenate([rows[-1:, 0] - period, rows[:, 0], rows[:1, 0] + period])
    values = np.concatenate([rows[-1:, 1:], rows[:, 1:], rows[:1, 1:]])
    low = np.clip(np.searchsorted(seconds, time, side="right") - 1, 0, len(seconds) - 2)
    ease = smoothstep((time - seconds[low]) / np.maximum(seconds[low + 1] - seconds[low], 1e-9))[:, None]
    return (1 - ease) * values[low] + ease * values[low + 1]


def _since(time: np.ndarray, second: float, period: float) -> np.ndarray:
    """Seconds before (negative) or after the nearest occurrence of a moment of the period."""
    return (time - second + period / 2) % period - period / 2
