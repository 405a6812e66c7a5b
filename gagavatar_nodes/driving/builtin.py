"""Built-in motions, so that no driver is needed: key frames of ARKit weights and poses, played on the bundled face."""

from __future__ import annotations

import difflib
import math
from dataclasses import replace

import numpy as np

from ..errors import GagavatarError
from ..face.arkit import arkit_deltas, gaze_of, part_lids
from ..face.bundled_face import bundled_neutral
from ..types import ARKIT_NAMES, Motion
from .operations import still
from .performances import PERFORMANCES, Keys, Performance
from .pose import rotation_of

BUILTIN_NAMES = tuple(PERFORMANCES)
"""Names that `builtin_motion` knows."""

_SHUTTING, _SHUT, _OPENING = 0.09, 0.06, 0.16
"""Seconds that lids take in a blink (Guitton et al., J. Neurophysiol. 65, 1991: down is twice as fast as up)."""
_LIDS = [
    i for i, name in enumerate(ARKIT_NAMES) if name.startswith(("eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown"))
]
_LONGEST_SECONDS = 3600
_BLOCK = 512


def builtin_motion(name: str, seconds: float | None = None, fps: float = 25.0) -> Motion:
    """A built-in motion whose last frame runs into its first; always the same.

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
    """The performance at its own seconds [T]."""
    weights = _weights(play, time, pace, fps)
    deltas, gaze = _look(weights)
    head = np.radians(_at(play.head, time, play.seconds))
    return replace(
        still(len(time), fps),
        rotation=rotation_of(head[:, 0], head[:, 1], head[:, 2]),
        translation=_at(play.shift, time, play.seconds).astype(np.float32),
        deltas=deltas,
        arkit=weights,
        gaze=gaze,
    )


def _look(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`Motion.deltas` and `Motion.gaze` of weights [T, 52], a block at a time to bound memory."""
    neutral = bundled_neutral()
    deltas, gaze = np.empty((len(weights), 478, 3), np.float16), np.empty((len(weights), 2, 2), np.float32)
    for start in range(0, len(weights), _BLOCK):
        block = slice(start, start + _BLOCK)
        landmarks = part_lids(neutral + arkit_deltas(weights[block]))
        deltas[block], gaze[block] = landmarks - neutral, gaze_of(landmarks)
    return deltas, gaze


def _weights(play: Performance, time: np.ndarray, pace: float, fps: float) -> np.ndarray:
    """ARKit weights [T, 52] float32 0..1."""
    weights = np.zeros((len(time), len(ARKIT_NAMES)))
    for name, keys in play.face.items():
        for column in _columns(name):
            weights[:, column] += _at(keys, time, play.seconds)[:, 0]
    x, y = _at(play.gaze, time, play.seconds).T
    for name, turn in (
        ("eyeLookOutLeft", x), ("eyeLookInRight", x), ("eyeLookInLeft", -x), ("eyeLookOutRight", -x),
        ("eyeLookUpLeft", y), ("eyeLookUpRight", y), ("eyeLookDownLeft", -y), ("eyeLookDownRight", -y),
    ):  # fmt: skip
        weights[:, ARKIT_NAMES.index(name)] += np.maximum(turn, 0)
    blink = np.zeros(len(time))
    for second in play.blinks:
        blink = np.maximum(blink, _blink(_since(time, second, play.seconds) / pace, fps))
    weights[:, _LIDS] *= 1 - blink[:, None]  # shut lids have nowhere to go
    weights[:, _columns("eyeBlink")] += blink[:, None]
    return np.clip(weights, 0, 1).astype(np.float32)


def _columns(name: str) -> list[int]:
    sides = [name] if name in ARKIT_NAMES else [f"{name}Left", f"{name}Right"]
    return [ARKIT_NAMES.index(side) for side in sides]


def _at(keys: Keys, time: np.ndarray, period: float) -> np.ndarray:
    """Values [T, K] of periodic key frames, eased in and out of each."""
    rows = np.array(sorted(keys), np.float64)
    rows[:, 0] %= period
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    seconds = np.concatenate([rows[-1:, 0] - period, rows[:, 0], rows[:1, 0] + period])
    values = np.concatenate([rows[-1:, 1:], rows[:, 1:], rows[:1, 1:]])
    low = np.clip(np.searchsorted(seconds, time, side="right") - 1, 0, len(seconds) - 2)
    t = ((time - seconds[low]) / np.maximum(seconds[low + 1] - seconds[low], 1e-9))[:, None]
    ease = t * t * (3 - 2 * t)
    return (1 - ease) * values[low] + ease * values[low + 1]


def _since(time: np.ndarray, second: float, period: float) -> np.ndarray:
    """Seconds before (negative) or after the nearest occurrence of a moment of the period."""
    return (time - second + period / 2) % period - period / 2


def _blink(since: np.ndarray, fps: float) -> np.ndarray:
    """Lids' weight 0..1 at seconds from the middle of a blink, which stays shut for a frame at least."""
    shut = max(_SHUT, 1.02 / fps) / 2
    t = np.where(since < 0, (since + shut + _SHUTTING) / _SHUTTING, (shut + _OPENING - since) / _OPENING)
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)
