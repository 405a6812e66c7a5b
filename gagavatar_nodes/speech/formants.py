"""Mouth shapes without a recognizer: syllables by loudness, vowels by their formants.

It opens and closes the mouth in time with the voice; lips do not match words. For when the recognizer's weights cannot
be read.
"""

from __future__ import annotations

import numpy as np

from .network import RATE
from .phones import Phone
from .prosody import Prosody
from .sound import Sound

_VOWELS = {"ɑ": (750, 1200), "ɛ": (550, 1800), "i": (320, 2300), "ɔ": (550, 900), "u": (350, 1000), "ʌ": (600, 1350)}
"""First and second formant in hertz, between women's and men's (Peterson and Barney, 1952)."""
_DROP_DB = 4.0  # between two syllables
_AUDIBLE_DB = 25.0  # under the voice's usual loudness
_SILENT_DB = -55.0
_ORDER = 8  # of linear prediction at 8 kHz: four formants
_LONGEST = 0.3


def guess_phones(sound: Sound, prosody: Prosody) -> list[Phone]:
    """Vowels of a sound, in order; none in silence and in steady noise."""
    peaks = syllables(prosody)
    phones: list[Phone] = []
    kept, begin, waiting = np.zeros(0, np.float32), 0, list(peaks)
    for block in sound.blocks():  # a block at a time: bounded memory
        kept = np.concatenate([kept, block])
        while waiting and (waiting[0] + 3) * 160 <= begin + len(kept):
            at = waiting.pop(0) * 160 - begin
            phones.append(_phone(kept[max(0, at - 256) : at + 256], (at + begin) / RATE))
        cut = max(0, len(kept) - RATE)
        kept, begin = kept[cut:], begin + cut
    return phones


def syllables(prosody: Prosody) -> list[int]:
    """Rows of the prosody at which the voice is loudest between two dips."""
    level = (
        np.convolve(prosody.level, np.hanning(9) / np.hanning(9).sum(), "same") if len(prosody) > 9 else prosody.level
    )
    least = max(prosody.loud() - _AUDIBLE_DB, _SILENT_DB)
    peaks: list[int] = []
    low = best = 0
    rising = True
    for row in range(1, len(level)):
        if rising:
            best = row if level[row] > level[best] else best
            if level[row] < level[best] - _DROP_DB:
                if level[best] > least and prosody.pitch[max(0, best - 2) : best + 3].any():
                    peaks.append(best)
                low, rising = row, False
        else:
            low = row if level[row] < level[low] else low
            if level[row] > level[low] + _DROP_DB:
                best, rising = row, True
    return peaks


def _phone(samples: np.ndarray, seconds: float) -> Phone:
    half = min(_LONGEST, 0.16) / 2
    return Phone(max(0.0, seconds - half), seconds + half, _vowel(samples))


def _vowel(samples: np.ndarray) -> str:
    found = formants(samples)
    if len(found) < 2:
        return "ʌ"
    away = {name: np.abs(np.log(np.array(found[:2]) / each)).sum() for name, each in _VOWELS.items()}
    return min(away, key=lambda name: away[name])


def formants(samples: np.ndarray) -> list[float]:
    """Hertz of the resonances under 3.5 kHz in samples [N] at 16 kHz, by linear prediction, ascending."""
    from scipy.linalg import LinAlgError, solve_toeplitz

    x = samples[: len(samples) // 2 * 2].reshape(-1, 2).mean(1)  # 8 kHz
    if len(x) < 4 * _ORDER:
        return []
    x = np.append(x[0], x[1:] - 0.9 * x[:-1]) * np.hanning(len(x))
    lags = np.correlate(x, x, "full")[len(x) - 1 : len(x) + _ORDER].astype(np.float64)
    lags[0] = lags[0] * 1.0001 + 1e-9
    try:
        roots = np.roots(np.append(1, -solve_toeplitz(lags[:-1], lags[1:])))
    except (LinAlgError, ValueError):
        return []
    hertz = np.angle(roots) * RATE / 4 / np.pi
    width = -np.log(np.abs(roots) + 1e-9) * RATE / 2 / np.pi
    return sorted(float(f) for f, w in zip(hertz, width, strict=True) if 200 < f < 3500 and w < 500)
