"""From sound to phones in time, streamed: the network in overlapping windows, and what its output means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from .network import FRAME_SECONDS, RATE, PhoneNetwork
from .phones import BLANK, BORDER, CLASSES, CLOSURE, OF_IPA, PHONE_CLASSES, Phone, time_phones

_WINDOW, _CONTEXT = 16.0, 2.0
"""Seconds that are kept of each window, and that it hears before and after."""
_FRAME = round(FRAME_SECONDS * RATE)
_ACTIVE = 0.3  # probability of any phone from which on a frame belongs to one
_HEARD, _CLOSURE_HEARD = 0.3, 0.2
"""Probability from which on a phone counts. Two lips that stay open are seen at once, one closure too many is not."""
_DOUBT, _DOUBT_FRAMES = 0.07, 5
"""Probability of a closure, summed over so many frames, from which on another consonant may have been one."""


def class_probabilities(network: PhoneNetwork, samples: np.ndarray) -> np.ndarray:
    """[T, classes + 2] float32 of samples [N]: each of `CLASSES`, then a word's border, then the blank."""
    return _sum(network, np.exp(network.log_probabilities(samples)))


def stream_probabilities(network: PhoneNetwork, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """`class_probabilities` of a stream of samples, window by window: bounded memory, one row each 20 ms."""
    core, context = (round(seconds * RATE / _FRAME) * _FRAME for seconds in (_WINDOW, _CONTEXT))
    kept, before = np.zeros(0, np.float32), 0
    for block in blocks:
        kept = np.concatenate([kept, block])
        while len(kept) >= before + core + context:
            rows = class_probabilities(network, kept[: before + core + context])
            yield rows[before // _FRAME : (before + core) // _FRAME]
            cut = before + core - context
            kept, before = kept[cut:], context
    if len(kept) > before:
        yield class_probabilities(network, kept)[before // _FRAME :]


def decode(probabilities: np.ndarray, start: float = 0.0) -> list[Phone]:
    """Return the phones in class probabilities [T, classes + 2], whose first row is at `start` seconds.

    Greedy CTC would lose a phone whose probability is spread over its likes or over two frames. Here runs of frames
    with any phone are cut where the likeliest class changes, and a run counts if its class is likely enough over it.
    """
    classes = probabilities[:, : len(CLASSES)]
    likeliest = classes.argmax(1)
    likeliest[classes.sum(1) < _ACTIVE] = -1
    closure = CLASSES.index(CLOSURE)
    likeliest[(likeliest < 0) & (classes[:, closure] >= _CLOSURE_HEARD / 2)] = closure
    edges = np.flatnonzero(np.diff(likeliest, prepend=-2, append=-2))
    spikes = []
    for first, last in pairwise(edges):
        kind = likeliest[first]
        if kind < 0:
            continue
        weights = classes[first:last, kind]
        if weights.sum() < (_CLOSURE_HEARD if kind == closure else _HEARD):
            continue
        middle = float((weights * np.arange(first, last)).sum() / weights.sum())
        spikes.append((middle, CLASSES[kind]))
    spikes = _close_lips(classes, spikes)
    return time_phones([(start + frame * FRAME_SECONDS, kind) for frame, kind in spikes])


def _close_lips(classes: np.ndarray, spikes: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Spikes in frames, with closures in the place of consonants that may well have been one.

    The network takes one closure in ten for another stop or nasal, but then it doubts: other consonants have a third of
    such doubts once in thirty times.
    """
    closed = np.pad(classes[:, CLASSES.index(CLOSURE)], _DOUBT_FRAMES // 2)
    windows = np.lib.stride_tricks.sliding_window_view(closed, _DOUBT_FRAMES)
    doubt = windows.sum(1)
    peaks = np.flatnonzero((doubt >= _DOUBT) & (doubt >= np.roll(doubt, 1)) & (doubt > np.roll(doubt, -1)))
    for peak in sorted(peaks, key=lambda one: -doubt[one]):
        frame = peak + float(windows[peak] @ np.arange(_DOUBT_FRAMES) / doubt[peak]) - _DOUBT_FRAMES // 2
        at = np.array([second for second, _ in spikes] or [-np.inf])
        near = np.flatnonzero(np.abs(at - frame) <= _DOUBT_FRAMES - 1)
        if any(spikes[index][1] == CLOSURE for index in near):
            continue
        consonants = [index for index in near if not PHONE_CLASSES[spikes[index][1]].vowel]
        if consonants:
            index = min(consonants, key=lambda one: abs(at[one] - frame))
            spikes[index] = spikes[index][0], CLOSURE
        elif len(near):
            spikes = sorted([*spikes, (frame, CLOSURE)])
    return spikes


def _sum(network: PhoneNetwork, probabilities: np.ndarray) -> np.ndarray:
    names = [*CLASSES, BORDER, BLANK]
    summed = np.zeros((len(probabilities), len(names)), np.float32)
    for column, token in enumerate(network.tokens):
        name = OF_IPA.get(token, token)
        if name in names:
            summed[:, names.index(name)] += probabilities[:, column]
    return summed
