"""english_words.txt.xz: the CMU Pronouncing Dictionary as words and classes of phones that look alike."""

from __future__ import annotations

import lzma
import re
from pathlib import Path

from gagavatar_nodes.speech.phones import OF_ARPABET
from gagavatar_nodes.speech.transcript import CODES, WORDS

from .sources import CMUDICT, Archive

_WORD = re.compile(r"[a-z]+('[a-z]+)*")


def build(work: Path, out: Path) -> None:
    """Write `out/english_words.txt.xz`: of each word, the first of its pronunciations."""
    lines = Archive(CMUDICT, work).read("cmudict/data/cmudict.dict").decode().splitlines()
    words: dict[str, str] = {}
    for line in lines:
        word, *phones = line.partition(" #")[0].split()
        if _WORD.fullmatch(word):
            words.setdefault(word, "".join(CODES[OF_ARPABET[phone.rstrip("012")]] for phone in phones))
    text = "".join(f"{word} {codes}\n" for word, codes in sorted(words.items()))
    (out / WORDS).write_bytes(lzma.compress(text.encode("ascii"), preset=9 | lzma.PRESET_EXTREME))
