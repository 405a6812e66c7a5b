import numpy as np
import pytest

from gagavatar_nodes.speech.alignment import align
from gagavatar_nodes.speech.phones import CLASSES
from gagavatar_nodes.speech.transcript import pronounce


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("My mother", "p aɪ p ʌ θ ɝ"),
        ("Bob’s", "p ɑ p s"),
        ("17 boys", "s ɛ f ʌ n t i n p ɔɪ s"),
        ("42", "f ɔ ɹ t i t u"),
        ("", ""),
        ("¿日本?", ""),
    ],
)
def test_text_becomes_phones(text, phones):
    assert pronounce(text) == phones.split()


def test_words_that_no_dictionary_has_are_spelled():
    assert pronounce("blorbing") == ["p", "n", "ɔ", "ɹ", "p", "ɪ", "k"]
    assert pronounce("flimshade") == ["f", "n", "ɪ", "p", "tʃ", "eɪ", "t"]


def test_every_number_can_be_said():
    for value in (0, 19, 20, 99, 100, 999, 1000, 123456, 10**9, 10**15, 10**30):
        assert pronounce(str(value)), value


def test_phones_are_found_where_they_are():
    rows = np.full((50, len(CLASSES) + 2), 1e-3, np.float32)
    rows[:, -1] = 1
    for frame, name in ((10, "p"), (20, "ɑ"), (35, "p")):
        rows[frame, CLASSES.index(name)], rows[frame, -1] = 0.6, 0.3
    found = align(rows, ["p", "ɑ", "p"])
    assert [phone.kind for phone in found] == ["p", "ɑ", "p"]
    assert np.allclose([phone.start for phone in found], np.array([10, 20, 35]) * 0.02 - 0.06)


def test_a_long_text_is_followed_in_bounded_memory():
    generator = np.random.default_rng(0)
    said = [CLASSES[index] for index in generator.integers(len(CLASSES), size=2000)]
    rows = np.full((12000, len(CLASSES) + 2), 1e-3, np.float32)
    rows[:, -1] = 1
    frames = np.sort(generator.choice(np.arange(3, 11990, 4), 2000, replace=False))
    for frame, name in zip(frames, said, strict=True):
        rows[frame, CLASSES.index(name)], rows[frame, -1] = 0.9, 0.05
    found = align(rows, said)
    wanted = np.maximum(frames * 0.02 - 0.06, 0)
    assert np.abs([phone.start for phone in found] - wanted).max() < 1e-6
