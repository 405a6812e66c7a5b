"""From English text to phones: the CMU Pronouncing Dictionary, and rules of spelling for what is not in it."""

from __future__ import annotations

import lzma
import re
from functools import cache

from .. import assets
from .phones import CLASSES, OF_ARPABET

WORDS = "english_words.txt.xz"
"""Lines of a word, a space, and a letter for each of its phones: `CODES`."""
CODES = dict(zip(CLASSES, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij", strict=False))

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*|\d+")
_SPELLING = {
    "tch": "CH", "igh": "AY", "eigh": "EY", "ough": "AO", "augh": "AO", "tion": "SH AH N", "sion": "ZH AH N",
    "ture": "CH ER", "ious": "IY AH S", "ous": "AH S", "dge": "JH", "que": "K", "sch": "S K", "ea": "IY", "ee": "IY",
    "oo": "UW", "ou": "AW", "ow": "OW", "oa": "OW", "oi": "OY", "oy": "OY", "ai": "EY", "ay": "EY", "au": "AO",
    "aw": "AO", "ei": "EY", "ey": "IY", "ie": "IY", "eu": "UW", "ew": "UW", "ui": "UW", "ar": "AA R", "er": "ER",
    "ir": "ER", "ur": "ER", "or": "AO R", "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "gh": "",
    "kn": "N", "gn": "N", "wr": "R", "ck": "K", "ng": "NG", "qu": "K W", "ce": "S", "ci": "S IH", "cy": "S IY",
    "ge": "JH", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH",
    "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T",
    "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW", "y": "AY"}
"""Vowels before one consonant and a silent e."""
_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand"), (100, "hundred"))


def pronounce(text: str) -> list[str]:
    """Return the phones of a text, names of `CLASSES`; none where it has no letters a to z and no digits."""
    words = _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    spoken = [part for word in words for part in (_number(int(word)) if word.isdecimal() else [word])]
    return [phone for word in spoken for phone in _word(word)]


def _word(word: str) -> list[str]:
    for known, ending in ((word, ""), (word.replace("'", ""), ""), (word.removesuffix("'s"), "s")):
        if known in _dictionary():
            names = {code: name for name, code in CODES.items()}
            return [names[code] for code in _dictionary()[known]] + (["s"] if ending and known != word else [])
    return _spell(word.replace("'", ""))


def _spell(word: str) -> list[str]:
    """By the longest groups of letters that have a sound of their own."""
    phones: list[str] = []
    silent = re.search(r"([aeiouy])[^aeiouywx]e$", word)
    at = 0
    while at < len(word):
        if silent and at == silent.start():
            phones.append(_LONG[word[at]])
            at += 1
            continue
        if silent and at == len(word) - 1:
            break
        size = next(n for n in (4, 3, 2, 1) if word[at : at + n] in _SPELLING)
        group = word[at : at + size]
        phones += _SPELLING[group].split()
        at += size
        while at < len(word) and word[at] == group == word[at - 1]:  # doubled letters are one sound
            at += 1
    return [OF_ARPABET[phone] for phone in phones]


def _number(value: int) -> list[str]:
    if value < 20:
        return [_UNITS[value]]
    if value < 100:
        return [_TENS[value // 10 - 2], *([_UNITS[value % 10]] if value % 10 else [])]
    for scale, name in _SCALES:
        if value >= 1000 * scale and scale == _SCALES[0][0]:
            return [_UNITS[int(digit)] for digit in str(value)]
        if value >= scale:
            rest = value % scale
            return [*_number(value // scale), name, *(_number(rest) if rest else [])]
    raise AssertionError(value)


@cache
def _dictionary() -> dict[str, str]:
    """Word -> codes of its phones; empty where the file cannot be read, and rules of spelling do."""
    try:
        with lzma.open(assets.path(WORDS), "rt", encoding="ascii") as file:
            return dict(line.split() for line in file)
    except (OSError, ValueError, EOFError, lzma.LZMAError):
        return {}
