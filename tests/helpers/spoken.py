"""A synthetic sentence whose phones are known, and what motions make of it."""

import json
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gagavatar_nodes.face.topology import LOWER_LIP, UPPER_LIP
from gagavatar_nodes.types import ARKIT_NAMES, Motion

DATA = Path(__file__).parents[1] / "data"
SPEECH = DATA / "speech.flac"
# fmt: off
VOWELS = {
    "aɪ", "eɪ", "oʊ", "aʊ", "ɔɪ", "ʌ", "ɚ", "ɔː", "ɔ", "ɐ", "ɪ", "ɑː", "ʊ", "æ", "ə", "ɔːɹ", "uː", "iː", "i", "ɛ",
    "əl", "ɜː",
}
# fmt: on


class Spoken(NamedTuple):
    """A phone as the synthesizer told it."""

    phone: str
    start: float
    end: float


class Truth(NamedTuple):
    """The sentence of tests/data/speech.flac."""

    text: str
    phones: list[Spoken]


def read_truth() -> Truth:
    """What tests/data/speech.flac says, and when."""
    told = json.loads((DATA / "speech.json").read_text("utf-8"))
    phones = told["phones"]
    spoken = [Spoken(name, start, end) for (start, name), (end, _) in pairwise(phones) if name]
    return Truth(told["text"], spoken)


def lip_gap(motion: Motion) -> np.ndarray:
    """[T] centimeters between the inner lips."""
    lips = motion.neutral[[UPPER_LIP, LOWER_LIP], 1] + motion.deltas[:, [UPPER_LIP, LOWER_LIP], 1].astype(float)
    return lips[:, 0] - lips[:, 1]


def weight(motion: Motion, name: str) -> np.ndarray:
    """[T] of one ARKit weight."""
    return motion.arkit[:, ARKIT_NAMES.index(name)]


def parted_lips(motion: Motion, truth: Truth) -> list[Spoken]:
    """The p, b and m within 40 ms of which the lips never meet."""
    times, gap = np.arange(len(motion)) / motion.fps, lip_gap(motion)
    closed = [spoken for spoken in truth.phones if spoken.phone in ("p", "b", "m")]
    return [each for each in closed if gap[(times > each.start - 0.04) & (times < each.end + 0.04)].min() > 0.06]


def vowel_correlation(motion: Motion, truth: Truth) -> float:
    """Of the jaw's opening with the intervals of the vowels."""
    times = np.arange(len(motion)) / motion.fps
    vowel = np.zeros(len(motion))
    for spoken in truth.phones:
        if spoken.phone in VOWELS:
            vowel[(times >= spoken.start) & (times < spoken.end)] = 1
    return float(np.corrcoef(weight(motion, "jawOpen"), vowel)[0, 1])
