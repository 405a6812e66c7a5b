"""The bundled phone recognizer: a small Conformer (Gulati et al., 2020, arXiv 2005.08100) with a CTC output, in NumPy.

Its weights are those of the Python package hama (assets/NOTICE). It knows the phones of English and Korean; those of
other languages come out as their nearest ones.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from functools import cache

import numpy as np

from .. import assets
from ..errors import FileFormatError

RATE = 16_000
"""Samples a second that the network hears."""
FRAME_SECONDS = 0.02
"""Of one row of its output: two hops of the spectrogram."""
WEIGHTS = "speech_phones.npz"

_HOP, _FFT = 160, 400
_BLOCKS, _HEADS = 4, 4
_FLOOR = 1e-10  # of power, before the logarithm
_EPSILON = 1e-5  # of layer normalization


class PhoneNetwork:
    """From a waveform to log probabilities of phones."""

    tokens: tuple[str, ...]
    """IPA phones, then `<wb>` for a word's border and last `<blank>` for nothing new."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        """`weights` are the arrays of the bundled file.

        Raises:
            KeyError: one of them is missing.
        """
        self.tokens = tuple(map(str, weights["tokens"]))
        self._w = {name: _array(weights[name]) for name in weights if name != "tokens"}
        self._window = np.hanning(_FFT + 1)[:-1].astype(np.float32)
        self._w["proj.weight"], self._w["mel"]

    def log_probabilities(self, samples: np.ndarray) -> np.ndarray:
        """[T, V] float32 natural logarithms, one row each 20 ms, of mono samples [N] at 16 kHz in -1..1."""
        w = self._w
        x = _gelu(_convolve(self._log_mel(samples), w["stem.weight"], w["stem.bias"]))
        for block in range(_BLOCKS):
            x = self._block(x, f"blocks.{block}.")
        logits = x @ w["proj.weight"][:, :, 0].T + w["proj.bias"]
        logits -= logits.max(1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(1, keepdims=True))

    def _log_mel(self, samples: np.ndarray) -> np.ndarray:
        """[F, 80] of samples [N], a row each 10 ms."""
        half = _FFT // 2
        padded = np.pad(samples.astype(np.float32), half, mode="reflect" if len(samples) > half else "constant")
        frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
        spectrum = np.fft.rfft(frames * self._window)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        return np.log(np.maximum(power @ self._w["mel"], _FLOOR))

    def _block(self, x: np.ndarray, name: str) -> np.ndarray:
        x = x + 0.5 * self._feed_forward(x, f"{name}ffn1.")
        x = x + self._attention(x, f"{name}attn.")
        x = x + self._convolution(x, f"{name}conv.")
        x = x + 0.5 * self._feed_forward(x, f"{name}ffn2.")
        return self._normalize(x, f"{name}norm.")

    def _feed_forward(self, x: np.ndarray, name: str) -> np.ndarray:
        hidden = self._linear(self._normalize(x, f"{name}norm."), f"{name}fc1.")
        return self._linear(hidden * _sigmoid(hidden), f"{name}fc2.")

    def _attention(self, x: np.ndarray, name: str) -> np.ndarray:
        """Every frame attends to every frame, without positions: those come from the convolutions."""
        mixed = self._linear(self._normalize(x, f"{name}norm."), f"{name}in_proj.")
        q, k, v = mixed.reshape(len(x), 3, _HEADS, -1).transpose(1, 2, 0, 3)
        scores = q @ k.transpose(0, 2, 1) * np.float32(q.shape[-1] ** -0.5)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        attended = (scores @ v) / scores.sum(-1, keepdims=True)
        return self._linear(attended.transpose(1, 0, 2).reshape(len(x), -1), f"{name}out_proj.")

    def _convolution(self, x: np.ndarray, name: str) -> np.ndarray:
        w = self._w
        x = self._normalize(x, f"{name}norm.") @ w[f"{name}pointwise1.weight"][:, :, 0].T
        value, gate = np.split(x + w[f"{name}pointwise1.bias"], 2, axis=1)
        x = value * _sigmoid(gate)
        kernel = w[f"{name}depthwise.weight"][:, 0]
        half = kernel.shape[1] // 2
        around = np.pad(x, ((half, half), (0, 0)))
        x = sum(around[i : i + len(x)] * kernel[:, i] for i in range(kernel.shape[1]))
        x = x + w[f"{name}depthwise.bias"]
        return (x * _sigmoid(x)) @ w[f"{name}pointwise2.weight"][:, :, 0].T + w[f"{name}pointwise2.bias"]

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self._w[f"{name}weight"] + self._w[f"{name}bias"]

    def _normalize(self, x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(1, keepdims=True)
        x /= np.sqrt((x * x).mean(1, keepdims=True) + np.float32(_EPSILON))
        return x * self._w[f"{name}weight"] + self._w[f"{name}bias"]


@cache
def phone_network() -> PhoneNetwork:
    """Return the bundled network; one per process.

    Raises:
        FileFormatError: its file is missing or damaged.
    """
    file = assets.path(WEIGHTS)
    try:
        with np.load(file) as weights:
            return PhoneNetwork(weights)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{file} cannot be read ({error}): install gagavatar-nodes again") from error


def _array(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)


def _convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """[ceil(F / 2), O] of rows [F, I] and a kernel [O, I, 3] that moves two rows at a time."""
    around = np.pad(x, ((1, 1), (0, 0)))
    frames = np.lib.stride_tricks.sliding_window_view(around, 3, axis=0)[::2]
    return frames.reshape(len(frames), -1) @ kernel.reshape(len(kernel), -1).T + bias


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return 0.5 * x * (1 + erf(x * np.float32(0.5**0.5)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(x)
