"""From phones in time to mouth shapes in time: dominance functions, and closures that are never missed.

M. Cohen, D. Massaro, "Modeling coarticulation in synthetic visual speech", 1993: every phone pulls each part of the
mouth toward its own shape, the more the nearer it is in time; where phones are dense, they meet halfway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..driving.performing import columns_of
from ..driving.visemes import VISEMES
from ..easing import smoothstep
from ..types import ARKIT_NAMES
from .phones import CLOSURE, LIP_TEETH, PHONE_CLASSES, Phone

REACH_SECONDS = 0.6
"""How far phones act: later ones leave what is now as it is."""

_PARTS = ("jaw", "lips", "rounding")
_PART_OF = {"jawOpen": 0, "mouthFunnel": 2, "mouthPucker": 2}  # the others: lips
_SPREAD = np.array([0.035, 0.05, 0.11])
"""Seconds in which a phone's pull on each part falls to 1/e: lips round early and let go late."""
_CUSP = 0.02  # seconds around its middle in which the pull is flat
_PULL: dict[str, tuple[float, float, float]] = {
    "rest": (1.0, 1.0, 0.5),
    "mm": (0.9, 0.9, 0.08), "ff": (0.9, 1.2, 0.15), "th": (0.8, 0.9, 0.15), "tt": (0.8, 0.6, 0.08),
    "nn": (0.8, 0.5, 0.06), "kk": (0.8, 0.35, 0.05), "ss": (1.1, 1.0, 0.2), "ch": (1.1, 1.0, 0.9),
    "rr": (0.8, 0.5, 0.5), "ww": (0.8, 0.8, 1.3), "yy": (0.8, 0.6, 0.3), "hh": (0.05, 0.05, 0.02),
    "uh": (1.0, 0.6, 0.35), "er": (1.0, 0.7, 0.6), "ih": (1.0, 0.8, 0.5),
}  # fmt: skip
"""How strongly a shape pulls jaw, lips and rounding; vowels that are not listed pull fully."""
_FULL = (1.2, 1.0, 1.0)
_TRANSITION = 0.06  # seconds of a phone in which the mouth is under way
_PAUSE = 0.25  # seconds without a phone in which lips come to rest
_AFTER, _BEFORE = 0.1, 0.1  # seconds after the last and before the first phone around a pause
_RESTING = 0.1  # seconds between the pulls of rest in a pause
_SHUTTING, _PARTING = 0.04, 0.035
"""Seconds in which lips close or part, and of these those that belong to the closed phone."""
_PUCKERED = 0.6  # share of the pucker that closed lips keep; a funnel would part them
_SHUT_PULL = {CLOSURE: "mm", LIP_TEETH: "ff"}
_JAW = ARKIT_NAMES.index("jawOpen")
_LIFTS = columns_of("mouthLowerDown") + columns_of("mouthUpperUp")
_LEAST_LIFT = 0.9  # lips part for a quiet s as well: its teeth are seen
_CHUNK = 256


@dataclass(frozen=True)
class _Keys:
    """Shapes in time."""

    seconds: np.ndarray
    """[K] middles."""
    half: np.ndarray
    """[K] half of the time that each is held."""
    pull: np.ndarray
    """[K, 3] on jaw, lips and rounding."""
    shapes: np.ndarray
    """[K, 52] ARKit weights."""


def articulate(phones: Sequence[Phone], times: np.ndarray, gain: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """ARKit weights [T, 52] float64 0..1 of a mouth that says `phones` at the seconds `times` [T].

    Args:
        phones: in order of time.
        times: ascending.
        gain: [T] how far the jaw opens, 1 for usual loudness. Closures do not depend on it.
        strength: of all shapes, 0 for a mouth at rest; above 1 closures stay as they are.
    """
    keys = _keys(phones, times)
    weights = np.zeros((len(times), len(ARKIT_NAMES)))
    for start in range(0, len(times), _CHUNK):
        block = slice(start, start + _CHUNK)
        weights[block] = _blend(keys, times[block])
    weights *= strength
    weights[:, _JAW] *= gain
    weights[:, _LIFTS] *= np.maximum(gain, _LEAST_LIFT)[:, None]
    frame = float(np.median(np.diff(times))) if len(times) > 1 else 0.04
    for kind in (LIP_TEETH, CLOSURE):
        shut = _closure(phones, kind, times, frame)[:, None]
        closed = _shape(_SHUT_PULL[kind])[None] * min(strength, 1.0)
        kept = np.zeros(len(ARKIT_NAMES))
        kept[columns_of("mouthPucker")] = _PUCKERED
        weights = weights * (1 - shut * (1 - kept)) + shut * closed
    return np.clip(weights, 0, 1)


def _blend(keys: _Keys, times: np.ndarray) -> np.ndarray:
    """Shapes [T, 52] at `times`, each part by its own dominance."""
    first, last = np.searchsorted(keys.seconds, [times[0] - REACH_SECONDS, times[-1] + REACH_SECONDS])
    near = slice(max(0, first - 1), last + 1)
    away = np.abs(times[:, None] - keys.seconds[near]) - keys.half[near]
    away = np.sqrt(np.maximum(away, 0) ** 2 + _CUSP**2) - _CUSP
    blended = np.empty((len(times), len(ARKIT_NAMES)))
    for part in range(len(_PARTS)):
        pull = np.log(keys.pull[near, part]) - away / _SPREAD[part]
        pull = np.exp(pull - pull.max(1, keepdims=True))
        columns = _COLUMNS[part]
        blended[:, columns] = (pull @ keys.shapes[near][:, columns]) / pull.sum(1, keepdims=True)
    return blended


def _keys(phones: Sequence[Phone], times: np.ndarray) -> _Keys:
    rows: list[tuple[float, float, str]] = []
    for phone in phones:
        first, *second = PHONE_CLASSES[phone.kind].visemes
        held = max(0.0, phone.end - phone.start - _TRANSITION) / 2
        if second:
            third = (phone.end - phone.start) / 3
            rows += [(phone.start + third, held / 2, first), (phone.end - third / 2, held / 4, second[0])]
        else:
            rows.append((phone.middle, held, first))
    rows += [(second, 0.0, "rest") for second in _rests(phones, times)]
    rows.sort(key=lambda row: row[0])
    return _Keys(
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        np.array([_PULL.get(row[2], _FULL) for row in rows]),
        np.array([_shape(row[2]) for row in rows]),
    )


def _rests(phones: Sequence[Phone], times: np.ndarray) -> np.ndarray:
    """Seconds at which the mouth is pulled to rest: throughout every pause, and before and after the phones."""
    first, last = times[0] - 2 * REACH_SECONDS, times[-1] + 2 * REACH_SECONDS
    ends = [min(first, phones[0].start - _PAUSE) if phones else first, *(phone.end for phone in phones)]
    starts = [*(phone.start for phone in phones), max(last, ends[-1] + _PAUSE)]
    pulls = [
        np.arange(a + _AFTER, b - _BEFORE / 2, _RESTING) for a, b in zip(ends, starts, strict=True) if b - a >= _PAUSE
    ]
    return np.concatenate([np.zeros(0), *pulls])


def _closure(phones: Sequence[Phone], kind: str, times: np.ndarray, frame: float) -> np.ndarray:
    """0..1 [T] how closed the lips are for the phones of a kind, each for 1.5 frames of `frame` seconds at least."""
    shut = np.zeros(len(times))
    for phone in phones:
        if phone.kind != kind:
            continue
        held = max((phone.end - phone.start) / 2 - _PARTING, 0.75 * frame)
        first, last = np.searchsorted(times, [phone.middle - held - _SHUTTING, phone.middle + held + _SHUTTING])
        away = np.abs(times[first:last] - phone.middle)
        shut[first:last] = np.maximum(shut[first:last], smoothstep((held + _SHUTTING - away) / _SHUTTING))
    return shut


def _shape(viseme: str) -> np.ndarray:
    weights = np.zeros(len(ARKIT_NAMES))
    for name, value in VISEMES[viseme].items():
        weights[columns_of(name)] = value
    return weights


_COLUMNS = [[i for i, name in enumerate(ARKIT_NAMES) if _PART_OF.get(name, 1) == part] for part in range(len(_PARTS))]
"""Columns of the ARKit weights that belong to each part."""
