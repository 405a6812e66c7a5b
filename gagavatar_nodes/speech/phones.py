"""Phones by what they do to the mouth: the recognizer's IPA and dictionaries' ARPAbet, in one set of classes.

Phones that look alike, such as p, b and m, are one class: telling them apart would move nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BORDER, BLANK = "<wb>", "<blank>"
"""A word's border, and nothing new, in the recognizer's output."""


@dataclass(frozen=True)
class PhoneClass:
    """Phones that look alike."""

    visemes: tuple[str, ...]
    """Mouth shapes, one after the other: names of `driving.visemes.VISEMES`."""
    ipa: str
    """The recognizer's tokens, separated by spaces."""
    arpabet: str = ""
    """CMU phones without stress, separated by spaces."""
    vowel: bool = False


PHONE_CLASSES: dict[str, PhoneClass] = {
    "p": PhoneClass(("mm",), "p b m pʰ p͈ ɓ β ʙ ɸ", "P B M"),
    "f": PhoneClass(("ff",), "f v ʋ ɱ", "F V"),
    "θ": PhoneClass(("th",), "θ ð", "TH DH"),
    "t": PhoneClass(("tt",), "t d tʰ t͈ ɖ ɗ ʈ ɾ", "T D"),
    "n": PhoneClass(("nn",), "n l ɫ ɮ ɲ ɴ ʎ ɭ", "N L"),
    "k": PhoneClass(("kk",), "k g kʰ k͈ ŋ ɡ x ɣ c ɟ ʝ ɰ χ", "K G NG"),
    "tʃ": PhoneClass(("ch",), "d͡ʒ t͡ɕ t͡ɕʰ t͡ɕ͈ t͡ʃ ʃ ʒ ɕ ʂ ʐ ʑ ɥ", "CH JH SH ZH"),
    "s": PhoneClass(("ss",), "s s͈ z", "S Z"),
    "ɹ": PhoneClass(("rr",), "r ɹ ɻ ɽ ʀ ʁ", "R"),
    "w": PhoneClass(("ww",), "w", "W"),
    "j": PhoneClass(("yy",), "j", "Y"),
    "h": PhoneClass(("hh",), "h ħ ɦ ʔ", "HH"),
    "ɑ": PhoneClass(("aa",), "a ä à ã å ɑ ɐ ja wa", "AA", True),
    "æ": PhoneClass(("ae",), "æ", "AE", True),
    "ʌ": PhoneClass(("uh",), "ʌ ə ɘ ɜ ɵ ɤ ɯ ɨ jʌ wʌ ᵊ", "AH", True),
    "ɛ": PhoneClass(("eh",), "e ɛ eə ẽ je we œ ø", "EH", True),
    "i": PhoneClass(("ee",), "i ì ĩ ǐ y wi ɯi ɪə", "IY", True),
    "ɪ": PhoneClass(("ih",), "ɪ ʏ", "IH", True),
    "ɔ": PhoneClass(("oh",), "o õ ɔ ɒ jo", "AO", True),
    "u": PhoneClass(("oo",), "u ũ ʉ ju", "UW", True),
    "ʊ": PhoneClass(("ou",), "ʊ", "UH", True),
    "ɝ": PhoneClass(("er",), "ɚ ɝ", "ER", True),
    "aɪ": PhoneClass(("aa", "ih"), "aɪ", "AY", True),
    "aʊ": PhoneClass(("aa", "ou"), "aʊ", "AW", True),
    "ɔɪ": PhoneClass(("oh", "ih"), "ɔɪ", "OY", True),
    "eɪ": PhoneClass(("eh", "ih"), "eɪ", "EY", True),
    "oʊ": PhoneClass(("oh", "ou"), "oʊ", "OW", True),
}
"""By their most usual phone. Modifiers and tones are in no class."""

CLASSES = tuple(PHONE_CLASSES)
CLOSURE, LIP_TEETH = "p", "f"
"""The classes that a viewer must never miss: both lips closed, and the lower lip at the teeth."""
OF_ARPABET = {phone: name for name, each in PHONE_CLASSES.items() for phone in each.arpabet.split()}
OF_IPA = {token: name for name, each in PHONE_CLASSES.items() for token in each.ipa.split()}


@dataclass(frozen=True)
class Phone:
    """A phone that was heard."""

    start: float
    """Seconds."""
    end: float
    """Seconds; before the next one's start where something else follows."""
    kind: str
    """One of `CLASSES`."""

    @property
    def middle(self) -> float:
        """Seconds."""
        return (self.start + self.end) / 2

    @property
    def vowel(self) -> bool:
        """Whether it opens the mouth."""
        return PHONE_CLASSES[self.kind].vowel


def time_phones(spikes: Sequence[tuple[float, str]]) -> list[Phone]:
    """Phones from the moments [second, class] at which a CTC network is sure of them, in order.

    It is so a constant time after a phone begins, whatever the phone; how long it lasts is told by the next one.
    """
    phones = []
    for index, (second, kind) in enumerate(spikes):
        longest = _LONGEST_VOWEL if PHONE_CLASSES[kind].vowel else _LONGEST_CONSONANT
        following = spikes[index + 1][0] if index + 1 < len(spikes) else second + longest
        start = second - _SPIKE_DELAY
        phones.append(Phone(max(0.0, start), max(0.01, start + min(longest, max(following - second, 0.02))), kind))
    return phones


_SPIKE_DELAY = 0.06
"""Seconds from a phone's beginning to the bundled recognizer's spike: mean of 172 phones of three synthetic voices."""
_LONGEST_VOWEL, _LONGEST_CONSONANT = 0.3, 0.12
