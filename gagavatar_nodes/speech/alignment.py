"""When the phones of a known text were said: the best path of CTC (Graves et al., 2006) through what was heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import GagavatarError
from .network import FRAME_SECONDS
from .phones import CLASSES, PHONE_CLASSES, Phone, time_phones

_BEAM = 1200
"""States around the likeliest one that are followed: memory grows with the sound's length, not with its square."""
_KIN = 0.05  # of the probability that all vowels, or all consonants, give to each of them: accents differ
_LEAST = 1e-4  # probability of the impossible: a text is never quite what was said


def align(probabilities: np.ndarray, said: Sequence[str]) -> list[Phone]:
    """Return the phones `said`, names of `CLASSES`, at the times that fit class probabilities [T, classes + 2] best.

    Raises:
        GagavatarError: the sound is too short for so many phones.
    """
    frames = len(probabilities)
    if frames < len(said):
        raise GagavatarError(
            f"The text has {len(said)} phones, but the sound lasts only {frames * FRAME_SECONDS:.1f} s: give what is "
            "said in it and no more"
        )
    emissions = _emissions(probabilities)
    labels = np.full(2 * len(said) + 1, len(CLASSES))
    labels[1::2] = [CLASSES.index(kind) for kind in said]
    path = _path(np.log(emissions), labels)
    spikes = []
    for index, kind in enumerate(said):
        rows = np.flatnonzero(path == 2 * index + 1)
        if len(rows):
            likeliest = rows[emissions[rows, labels[2 * index + 1]].argmax()]
            spikes.append((likeliest * FRAME_SECONDS, kind))
    return time_phones(spikes)


def _emissions(probabilities: np.ndarray) -> np.ndarray:
    """[T, classes + 1]: how well each frame fits each class, and nothing new or a word's border."""
    classes = probabilities[:, : len(CLASSES)]
    vowels = np.array([PHONE_CLASSES[name].vowel for name in CLASSES])
    kin = np.where(vowels, classes[:, vowels].sum(1, keepdims=True), classes[:, ~vowels].sum(1, keepdims=True))
    nothing = probabilities[:, len(CLASSES) :].sum(1, keepdims=True)
    return np.maximum(np.concatenate([classes + _KIN * kin, nothing], axis=1), _LEAST)


def _path(emissions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """State [T] of each frame on the best path through `labels` [S], whose even states are blanks."""
    states, width = len(labels), min(len(labels), _BEAM)
    may_skip = np.arange(states) % 2 == 1
    scores = np.full(width, -np.inf)
    scores[: min(2, width)] = emissions[0, labels[: min(2, width)]]
    steps, offsets = np.zeros((len(emissions), width), np.int8), np.zeros(len(emissions), np.int64)
    for frame in range(1, len(emissions)):
        offset = offsets[frame - 1]
        moved = int(np.clip(offset + scores.argmax() - width // 2, offset, states - width))
        before = np.concatenate([[-np.inf, -np.inf], scores, np.full(moved - offset, -np.inf)])[moved - offset :]
        choices = np.stack([before[2:], before[1:-1], before[:-2]])
        choices[2, ~may_skip[moved : moved + width]] = -np.inf
        steps[frame] = choices.argmax(0)
        scores = choices.max(0) + emissions[frame, labels[moved : moved + width]]
        offsets[frame] = moved
    path = np.empty(len(emissions), np.int64)
    ends = np.arange(offsets[-1], offsets[-1] + width) >= states - 2
    last = np.where(ends, scores, -np.inf) if ends.any() and np.isfinite(scores[ends]).any() else scores
    state = int(last.argmax()) + offsets[-1]
    for frame in range(len(emissions) - 1, -1, -1):
        path[frame] = state
        state -= steps[frame, state - offsets[frame]]
    return path
