"""What a voice says, how loud and how high, in time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..errors import FileFormatError
from .alignment import align
from .formants import guess_phones
from .network import FRAME_SECONDS, RATE, phone_network
from .phones import CLOSURE, Phone
from .prosody import STEP_SECONDS, Prosody, join_levels, stream_prosody
from .recognizer import decode, stream_probabilities
from .sound import Sound
from .transcript import pronounce

_SHARPENED = 0.03  # seconds to either side in which a closure is sought where the sound is weakest
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Speech:
    """A voice in time."""

    phones: list[Phone]
    """In order."""
    prosody: Prosody
    seconds: float
    """Length of the sound."""

    def pauses(self, shortest: float) -> list[tuple[float, float]]:
        """Stretches (start, end) in seconds without a phone, of at least `shortest` seconds; also before and after."""
        ends = [0.0, *(phone.end for phone in self.phones)]
        starts = [*(phone.start for phone in self.phones), self.seconds]
        return [(a, b) for a, b in zip(ends, starts, strict=True) if b - a >= shortest]


def analyze(sound: Sound, text: str = "", on_seconds: Callable[[float], None] | None = None) -> Speech:
    """Hear a sound, in bounded memory.

    Args:
        sound: a voice; silence, noise and music have no phones.
        text: what is said, in English, if it is known: the phones are then its own, and only their times are heard.
        on_seconds: called with the seconds that were heard.

    Raises:
        MediaError: the sound is damaged at its beginning.
        GagavatarError: the text is long beyond what was said.
    """
    prosody, samples = _prosody(sound)
    try:
        network = phone_network()
    except FileFormatError as error:
        _log.warning("%s. Until then the mouth follows loudness and formants", error)
        return Speech(guess_phones(sound, prosody), prosody, samples / RATE)
    rows = []
    for part in stream_probabilities(network, sound.blocks()):
        rows.append(part)
        if on_seconds is not None:
            on_seconds(sum(map(len, rows)) * FRAME_SECONDS)
    probabilities = np.concatenate(rows) if rows else np.zeros((0, 1), np.float32)
    said = pronounce(text)
    phones = align(probabilities, said) if said else decode(probabilities)
    return Speech(sharpen_closures(phones, prosody), prosody, samples / RATE)


def sharpen_closures(phones: list[Phone], prosody: Prosody) -> list[Phone]:
    """Return the phones, with lips that close where the sound is weakest.

    A network's moments are good to some 30 ms.
    """
    level = np.convolve(prosody.level, np.full(3, 1 / 3), "same") if len(prosody) > 3 else prosody.level
    return [_move(phone, level, prosody.start) if phone.kind == CLOSURE else phone for phone in phones]


def _move(phone: Phone, level: np.ndarray, start: float) -> Phone:
    middle = phone.middle - start
    low, high = (round((middle + side * _SHARPENED) / STEP_SECONDS) for side in (-1, 1))
    rows = np.arange(max(0, low), min(len(level), high + 1))
    if len(rows) == 0:
        return phone
    away = np.abs(rows * STEP_SECONDS - middle) / _SHARPENED
    shift = rows[np.argmin(level[rows] + 6 * away)] * STEP_SECONDS - middle
    return replace(phone, start=phone.start + shift, end=phone.end + shift)


def _prosody(sound: Sound) -> tuple[Prosody, int]:
    """Of the whole sound, and its number of samples."""
    counted = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal counted
        for block in sound.blocks():
            counted += len(block)
            yield block

    prosody = join_levels(stream_prosody(blocks()))
    return prosody, counted
