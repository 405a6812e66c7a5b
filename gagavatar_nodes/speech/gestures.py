"""What a face does beside the mouth while it speaks: nods, turns, brows, gaze, blinks, breath.

Amounts and times follow what was measured in speakers: heads move with pitch and loudness (Munhall et al., 2004),
sharply on stresses and widely after pauses (Hadar et al., 1983, 1984); blinks come 26 a minute in conversation and 17
at rest (Bentivoglio et al., 1997), rather in pauses (Nakano and Kitazawa, 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..driving.performing import blink, columns_of
from ..easing import smoothstep
from ..types import ARKIT_NAMES
from .analysis import Speech
from .manner import Manner

WANDER_DEGREES, IDLE_DEGREES = np.array([2.2, 1.2, 1.3]), np.array([0.9, 0.5, 0.5])
"""Of yaw, pitch and roll: wander while speaking, and at rest; standard deviations."""
BLINK_SECONDS = {True: 2.0, False: 3.1}
"""Medians between blinks in speech and at rest: log-normal, with means of 2.3 and 3.5."""

_TURN = np.array([4.0, 1.6, 2.0])  # degrees that the head turns at phrases, standard deviations
_WANDER_SECONDS, _TURN_SECONDS = 1.3, 0.7
_NOD, _NOD_RISE, _NOD_FALL = 2.6, 0.12, 0.28  # degrees and seconds
_BETWEEN_NODS = 0.7  # seconds at least
_LIFT, _LIFT_OUTER = 0.26, 0.16  # of the brows
_PHRASE_PAUSE = 0.35  # seconds of silence before a phrase
_ACTIVE_SECONDS = 0.45  # in which the head begins to move with speech, and comes to rest
_BLINK_SPREAD = 0.5  # deviation of the logarithm
_BLINK_PULL = 0.7  # seconds from which a pause draws a blink to its beginning
_FIXATION, _SACCADE = 1.1, 0.04  # seconds
_GLANCE = np.array([0.07, 0.04])  # of the eyes' reach, standard deviation
_EYE_REACH = np.array([32.0, 26.0])  # degrees to the side, and up or down
_STEADY = 0.8  # share of the head's turn that the eyes make up for
_BREATH, _BREATH_CM = 4.2, 0.13  # seconds and centimeters
_BREATH_JAW, _INHALE_JAW = 0.012, 0.05

_HEAD, _GAZE, _BLINK, _TURNS = range(4)
"""Which of the random sequences, so that one does not depend on another."""


@dataclass(frozen=True)
class Gestures:
    """Of T frames."""

    head: np.ndarray
    """[T, 3] degrees of yaw, pitch and roll."""
    shift: np.ndarray
    """[T, 3] centimeters."""
    gaze: np.ndarray
    """[T, 2] of the eyes' reach, x to the image's right, y up."""
    shut: np.ndarray
    """[T] 0..1 lids."""
    weights: np.ndarray
    """[T, 52] ARKit weights of brows and breath."""


def gesture(speech: Speech, times: np.ndarray, fps: float, manner: Manner) -> Gestures:
    """Return the gestures of a speech at the seconds `times` [T], ascending; the same for the same seed."""
    active = _activity(speech, times)
    accents = _accents(speech)
    starts = [end for _, end in speech.pauses(_PHRASE_PAUSE) if end < speech.seconds]
    head = _head(times, active, starts, manner.seed)
    for second, strength in accents:
        head[:, 1] += _NOD * strength * bump(times - second, _NOD_RISE, _NOD_FALL)
    head *= manner.head
    weights = np.zeros((len(times), len(ARKIT_NAMES)))
    _lift_brows(weights, times, accents, starts, manner.brows)
    phase = np.sin(2 * np.pi * times / _BREATH)
    shift = np.zeros((len(times), 3))
    shift[:, 1] = _BREATH_CM * phase * manner.head
    jaw = _BREATH_JAW * (0.5 + 0.5 * phase) * (1 - active)
    for second in starts:
        jaw = jaw + _INHALE_JAW * bump(times - second + 0.18, 0.16, 0.14)
    weights[:, columns_of("jawOpen")] += (jaw * min(1.0, manner.mouth))[:, None]
    gaze = glances(times, manner.seed) * manner.gaze
    gaze -= _STEADY * manner.gaze / max(manner.gaze, 1.0) * head[:, :2] * [1, -1] / _EYE_REACH
    return Gestures(head, shift, np.clip(gaze, -1, 1), _blinks(speech, times, fps, manner), weights)


def _activity(speech: Speech, times: np.ndarray) -> np.ndarray:
    """[T] 0..1 where there is speech, eased in and out."""
    edges = [(a, b) for a, b in speech.pauses(_PHRASE_PAUSE)]
    active = np.ones(len(times))
    for start, end in edges:
        first = -1.0 if start <= 0 else start
        last = times[-1] + 9 if end >= speech.seconds else end
        rest = np.minimum(times - first, last - times) / _ACTIVE_SECONDS
        active = np.minimum(active, 1 - smoothstep(rest))
    return active


def _accents(speech: Speech) -> list[tuple[float, float]]:
    """Second and strength 0.4..1.3 of the stressed vowels, none close to another."""
    vowels = [phone for phone in speech.phones if phone.vowel]
    if not vowels:
        return []
    middle = np.array([phone.middle for phone in vowels])
    length = np.array([min(phone.end - phone.start, 0.25) for phone in vowels])
    level, pitch = speech.prosody.level_at(middle), speech.prosody.pitch_at(middle)
    stress = np.clip((level - np.median(level)) / 6, -2, 2) + np.clip(pitch / 3, -2, 2) + (length - 0.12) / 0.08
    taken: list[int] = []
    for index in np.argsort(-stress, kind="stable"):
        if stress[index] < 0.6:
            break
        if all(abs(middle[index] - middle[other]) > _BETWEEN_NODS for other in _near(taken, index)):
            taken.append(int(index))
    return [(float(middle[i]), float(np.clip(0.4 + 0.25 * stress[i], 0.4, 1.3))) for i in sorted(taken)]


def _near(taken: list[int], index: int) -> list[int]:
    return [other for other in taken if abs(other - index) < 12]


def _head(times: np.ndarray, active: np.ndarray, starts: list[float], seed: int) -> np.ndarray:
    """[T, 3] degrees: wander, and another way to face in every phrase."""
    wander = smooth_noise(times, seed) * (WANDER_DEGREES * active[:, None] + IDLE_DEGREES * (1 - active)[:, None])
    turn = np.zeros((len(times), 3))
    last = np.zeros(3)
    for index, second in enumerate(starts):
        new = _random(seed, _TURNS, index).normal(size=3).clip(-1.6, 1.6) * _TURN * 0.6
        turn += smoothstep((times - second + 0.25) / _TURN_SECONDS)[:, None] * (new - last)
        last = new
    return wander + turn * active[:, None]


def _lift_brows(
    weights: np.ndarray, times: np.ndarray, accents: list[tuple[float, float]], starts: list[float], strength: float
) -> None:
    lift = np.zeros(len(times))
    for index, (second, stress) in enumerate(accents):
        if stress > 0.75 or index % 3 == 0:
            lift = np.maximum(lift, stress * bump(times - second + 0.03, 0.16, 0.42))
    for second in starts:
        lift = np.maximum(lift, 0.6 * bump(times - second, 0.2, 0.6))
    weights[:, columns_of("browInnerUp")] += (_LIFT * strength * lift)[:, None]
    weights[:, columns_of("browOuterUp")] += (_LIFT_OUTER * strength * lift)[:, None]


def glances(times: np.ndarray, seed: int) -> np.ndarray:
    """[T, 2] fixations of about a second with quick saccades between them."""
    generator = _random(seed, _GAZE, 0)
    count = int(times[-1] / (_FIXATION * 0.5)) + 4
    gaps = _FIXATION * np.exp(0.5 * generator.normal(size=count))
    seconds, places = np.cumsum(gaps), generator.normal(size=(count, 2)).clip(-2, 2) * _GLANCE
    after = np.clip(np.searchsorted(seconds, times, side="right"), 1, count - 1)
    share = np.clip((times - seconds[after - 1]) / _SACCADE, 0, 1)[:, None]
    before = np.maximum(after - 2, 0)
    return places[before] + share * (places[after - 1] - places[before])


def _blinks(speech: Speech, times: np.ndarray, fps: float, manner: Manner) -> np.ndarray:
    """[T] lids 0..1: at log-normal intervals, drawn to the beginnings of pauses; every other one is not complete."""
    shut = np.zeros(len(times))
    if manner.blinks == 0:
        return shut
    pauses = np.array([start for start, _ in speech.pauses(0.2)] or [-9.0])
    silent = [(a, b) for a, b in speech.pauses(1.0)]
    generator, second = _random(manner.seed, _BLINK, 0), 0.3
    while second < times[-1] + 0.5:
        speaking = not any(a <= second < b for a, b in silent)
        second += BLINK_SECONDS[speaking] / manner.blinks * float(np.exp(_BLINK_SPREAD * generator.normal()))
        nearest = pauses[np.abs(pauses + 0.1 - second).argmin()] + 0.1
        at = nearest if abs(nearest - second) < _BLINK_PULL else second
        depth = 1.0 if generator.random() < 0.6 else 0.75
        near = slice(*np.searchsorted(times, [at - 0.5, at + 0.5]))
        shut[near] = np.maximum(shut[near], depth * blink(times[near] - at, fps))
    return shut


def bump(since: np.ndarray, rise: float, fall: float) -> np.ndarray:
    """0..1, highest at 0, eased over `rise` seconds before and `fall` seconds after."""
    return smoothstep(1 - np.where(since < 0, -since / rise, since / fall))


def smooth_noise(times: np.ndarray, seed: int) -> np.ndarray:
    """[T, 3] noise of unit deviation at seconds [T], that passes through a random value each 1.3 s."""
    period = _WANDER_SECONDS
    first = int(np.floor(times[0] / period))
    values = [_random(seed, _HEAD, index).normal(size=3) for index in range(first, int(times[-1] / period) + 3)]
    position = times / period - first
    low = position.astype(int)
    ease = smoothstep(position - low)[:, None]
    rows = np.array(values).clip(-2, 2)
    return (1 - ease) * rows[low] + ease * rows[low + 1]


def _random(*key: int) -> np.random.Generator:
    return np.random.default_rng([abs(each) for each in key])
