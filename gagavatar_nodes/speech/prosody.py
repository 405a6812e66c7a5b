"""Loudness and pitch of a voice in time, streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from .network import RATE

STEP_SECONDS = 0.01
"""Between two values."""

_HOP = round(STEP_SECONDS * RATE)
_WINDOW, _FFT = 512, 1024  # 32 ms: two periods of the lowest voice
_SONOROUS = (250.0, 2500.0)  # hertz: first and second formants, not hiss and hum
_PITCH = (70.0, 420.0)  # hertz of voices
_VOICED = 0.45  # of the autocorrelation, from which on a pitch is one
_FLOOR_DB = -100.0
_AUDIBLE_DB = 35.0  # under the loudest vowels
_SMOOTHED, _NEARBY = 0.015, 0.12  # seconds, of loudness within a syllable
_SWELL_DB = 8.0  # between two syllables, at which swells are whole
_PERCENTILE_LOUD, _PERCENTILE_QUIET = 90, 10


@dataclass(frozen=True)
class Prosody:
    """A voice, a row each 10 ms."""

    level: np.ndarray
    """[N] decibels, 0 is a full-scale sine, of the band in which vowels are."""
    pitch: np.ndarray
    """[N] hertz, 0 where there is none."""
    start: float = 0.0
    """Seconds of the first row."""

    def __len__(self) -> int:
        return len(self.level)

    def loud(self) -> float:
        """Level of this voice's vowels."""
        voiced = self.level[self.pitch > 0]
        return (
            float(np.percentile(voiced, _PERCENTILE_LOUD)) if len(voiced) > 10 else float(self.level.max(initial=-20))
        )

    def level_at(self, times: np.ndarray) -> np.ndarray:
        """[T] decibels at seconds [T]."""
        if len(self) == 0:
            return np.full(len(times), _FLOOR_DB)
        return np.interp(times, self.start + np.arange(len(self)) * STEP_SECONDS, self.level)

    def swell_at(self, times: np.ndarray) -> np.ndarray:
        """[T] 0..1 at seconds [T]: 1 where the voice is as loud as it gets nearby, as in the middle of syllables."""
        from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

        if len(self) == 0:
            return np.zeros(len(times))
        audible = np.maximum(self.level.astype(np.float64), self.loud() - _AUDIBLE_DB)
        level = gaussian_filter1d(audible, _SMOOTHED / STEP_SECONDS)
        rows = 2 * round(_NEARBY / STEP_SECONDS) + 1
        low, high = minimum_filter1d(level, rows), maximum_filter1d(level, rows)
        swell = (level - low) / np.maximum(high - low, _SWELL_DB)
        return np.interp(times, self.start + np.arange(len(self)) * STEP_SECONDS, swell)

    def pitch_at(self, times: np.ndarray) -> np.ndarray:
        """[T] semitones from the voice's median pitch at seconds [T], bridged where there is none."""
        voiced = np.flatnonzero(self.pitch)
        if len(voiced) == 0:
            return np.zeros(len(times))
        semitones = 12 * np.log2(self.pitch[voiced] / np.median(self.pitch[voiced]))
        return np.interp(times, self.start + voiced * STEP_SECONDS, semitones)


class ProsodyStream:
    """Prosody of samples at 16 kHz as they come; row i is around sample 160 i."""

    def __init__(self) -> None:
        self._kept = np.zeros(_WINDOW // 2, np.float32)

    def feed(self, samples: np.ndarray) -> Prosody:
        """Return the rows that are complete with the next samples [N]."""
        self._kept = np.concatenate([self._kept, samples])
        count = max(0, (len(self._kept) - _WINDOW) // _HOP + 1)
        if count == 0:
            return join_levels([])
        frames = np.lib.stride_tricks.sliding_window_view(self._kept, _WINDOW)[: count * _HOP : _HOP]
        self._kept = self._kept[count * _HOP :]
        return _of_frames(frames)

    def finish(self) -> Prosody:
        """Return the rows up to the last sample."""
        return self.feed(np.zeros(_WINDOW // 2, np.float32))


def stream_prosody(blocks: Iterable[np.ndarray]) -> Iterator[Prosody]:
    """Prosody of a stream of samples at 16 kHz, block by block."""
    stream = ProsodyStream()
    for block in blocks:
        yield stream.feed(block)
    yield stream.finish()


def join_levels(parts: Iterable[Prosody]) -> Prosody:
    """Parts one after the other."""
    parts = list(parts)
    level = [part.level for part in parts] or [np.zeros(0, np.float32)]
    pitch = [part.pitch for part in parts] or [np.zeros(0, np.float32)]
    return Prosody(np.concatenate(level), np.concatenate(pitch))


_TAPER = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
_TAPER_LAGS = np.fft.irfft(np.abs(np.fft.rfft(_TAPER, _FFT)) ** 2)[: _FFT // 2]
_BAND = slice(*(round(hertz * _FFT / RATE) for hertz in _SONOROUS))
_LAGS = slice(int(RATE / _PITCH[1]), int(RATE / _PITCH[0]) + 1)


def _of_frames(frames: np.ndarray) -> Prosody:
    spectrum = np.fft.rfft(frames * _TAPER, _FFT)
    power = spectrum.real**2 + spectrum.imag**2
    full = (_TAPER.sum() / 2) ** 2 * 1.5  # of a sine, its main lobe summed
    level = 10 * np.log10(power[:, _BAND].sum(1) / full + 10 ** (_FLOOR_DB / 10))
    # Boersma, 1993: the signal's autocorrelation is the windowed one over the window's own.
    lags = np.fft.irfft(power)[:, : _FFT // 2] / _TAPER_LAGS
    lags /= np.maximum(lags[:, :1], 1e-9)
    search = lags[:, _LAGS]
    best = search.argmax(1)
    voiced = (search[np.arange(len(best)), best] > _VOICED) & (level > -70)
    return Prosody(level.astype(np.float32), np.where(voiced, RATE / (best + _LAGS.start), 0).astype(np.float32))
