"""What is made of the network's probabilities."""

import numpy as np
import pytest

from gagavatar_nodes.speech.phones import CLASSES, CLOSURE
from gagavatar_nodes.speech.recognizer import decode

BLANK = len(CLASSES) + 1


def heard(*spikes, frames=60):
    """[T, classes + 2] with spikes (frame, class, probability) in silence."""
    rows = np.zeros((frames, len(CLASSES) + 2), np.float32)
    for frame, kind, probability in spikes:
        rows[frame, CLASSES.index(kind)] += probability
    rows[:, BLANK] = 1 - rows.sum(1)
    return rows


def kinds(*spikes):
    return [phone.kind for phone in decode(heard(*spikes))]


@pytest.mark.parametrize("taken_for", ["t", "n", "f"])
def test_a_consonant_that_may_have_been_a_closure_is_one(taken_for):
    word = (10, "ɑ", 0.9), (16, taken_for, 0.8), (22, "i", 0.9)
    assert kinds(*word) == ["ɑ", taken_for, "i"]
    assert kinds(*word, (16, CLOSURE, 0.02)) == ["ɑ", taken_for, "i"]
    assert kinds(*word, (15, CLOSURE, 0.06), (16, CLOSURE, 0.08)) == ["ɑ", CLOSURE, "i"]


def test_a_vowel_stays_and_gets_a_closure_beside_it():
    assert kinds((10, "ɑ", 0.9), (13, CLOSURE, 0.06), (14, CLOSURE, 0.06)) == ["ɑ", CLOSURE]


def test_what_is_a_closure_already_is_one_closure():
    assert kinds((10, CLOSURE, 0.9), (12, CLOSURE, 0.06), (18, "ɑ", 0.9)) == [CLOSURE, "ɑ"]


def test_doubts_in_silence_are_none():
    assert kinds((20, CLOSURE, 0.06), (22, CLOSURE, 0.05)) == []
