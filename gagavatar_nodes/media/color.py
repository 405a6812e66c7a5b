"""From the colors that a video was made in to sRGB: high dynamic range and wide gamuts, as players show them.

Transfer functions and primaries are those of ITU-T H.273; HDR is brought to SDR by the curve of ITU-R BT.2390-10,
section 5.4, for a screen whose white is the reference white of ITU-R BT.2408.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

PQ, HLG, LINEAR = 16, 18, 8
ADOBE_RGB = 4, 1000
"""Transfer characteristics, and a number beyond H.273's for the primaries, of Adobe RGB (1998)."""
_GAMMAS = {4: 2.2, 5: 2.8, 13: 2.2}
"""Transfer functions of SDR that are a power, or near to one. Others are shown by screens as sRGB is."""
_SRGB_LIKE = 2.2
_REFERENCE_WHITE, _PEAK = 203.0, 1000.0
"""Candelas a square meter: what becomes the white of the result, and the brightest that is expected."""
_LEVELS = 4096

_D65 = (0.3127, 0.3290)
_PRIMARIES = {
    ADOBE_RGB[1]: ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65),
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
"""Red, green, blue and white of those whose difference from sRGB can be seen: BT.709, BT.2020, DCI-P3, Display P3."""
_SRGB = 1

Convert = Callable[[np.ndarray], np.ndarray]


@cache
def to_srgb(transfer: int, primaries: int) -> Convert | None:
    """Return what takes pictures [H, W, 3] uint16 of these colors to uint8 sRGB; None where they are sRGB's own.

    Args:
        transfer: transfer characteristics by their number in H.273.
        primaries: color primaries, likewise.
    """
    wide = primaries in _PRIMARIES and primaries != _SRGB
    if transfer not in (PQ, HLG, LINEAR, 5) and not wide:
        return None
    lut = _decoding(transfer)
    matrix = gamut_matrix(primaries) if wide else None
    high = transfer in (PQ, HLG)

    def convert(picture: np.ndarray) -> np.ndarray:
        import cv2

        light = lut[picture]
        if transfer == HLG:
            light *= np.maximum(light @ _luminance(primaries), 1e-6)[..., None] ** np.float32(0.2)
            light *= _PEAK / _REFERENCE_WHITE
        if high:
            light *= _tone_scale(light.max(axis=-1))[..., None]
        if matrix is not None:
            light = cv2.transform(light, matrix)
        return _encode(light)

    return convert


def gamut_matrix(primaries: int) -> np.ndarray:
    """[3, 3] float32 that takes linear RGB of these primaries to linear sRGB, as column vectors."""
    return (np.linalg.inv(_to_xyz(_SRGB)) @ _adaptation(primaries) @ _to_xyz(primaries)).astype(np.float32)


def pq_decode(signal: np.ndarray) -> np.ndarray:
    """Candelas a square meter of PQ signals 0..1 (SMPTE ST 2084)."""
    power = np.power(np.clip(signal, 0, 1), 1 / 78.84375)
    return 10000 * np.power(np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power), 1 / 0.1593017578125)


def pq_encode(light: np.ndarray) -> np.ndarray:
    """PQ signals 0..1 of candelas a square meter."""
    power = np.power(np.clip(light / 10000, 0, 1), 0.1593017578125)
    return np.power((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power), 78.84375)


def hlg_decode(signal: np.ndarray) -> np.ndarray:
    """Light of the scene 0..1 of HLG signals 0..1 (ITU-R BT.2100-2, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((np.maximum(signal, 0.5) - c) / a) + b) / 12)


@cache
def _decoding(transfer: int) -> np.ndarray:
    """[65536] float32 linear light of 16-bit signals; 1 is the reference white, but for HLG the scene's brightest."""
    signal = np.arange(1 << 16) / 65535
    if transfer == PQ:
        light = pq_decode(signal) / _REFERENCE_WHITE
    elif transfer == HLG:
        light = hlg_decode(signal)
    elif transfer == LINEAR:
        light = signal
    else:
        light = signal ** _GAMMAS.get(transfer, _SRGB_LIKE)
    return light.astype(np.float32)


def _tone_scale(brightest: np.ndarray) -> np.ndarray:
    """What light is multiplied by whose brightest channel is this, in reference whites, for a screen that ends at 1."""
    end = _PEAK / _REFERENCE_WHITE
    index = np.sqrt(np.minimum(brightest, end) / end) * (_LEVELS - 1)
    return _tone_curve()[np.rint(index).astype(np.int32)]


@cache
def _tone_curve() -> np.ndarray:
    """[_LEVELS] float32: the curve of BT.2390 over its argument, by the argument's square root."""
    light = np.maximum(np.linspace(0, 1, _LEVELS) ** 2 * _PEAK, 1e-3)
    peak, white = pq_encode(np.array([_PEAK, _REFERENCE_WHITE]))
    signal, most = pq_encode(light) / peak, white / peak
    knee = 1.5 * most - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    mapped = np.where(signal < knee, signal, spline)
    return (pq_decode(mapped * peak) / light).astype(np.float32)


def _encode(light: np.ndarray) -> np.ndarray:
    """UInt8 sRGB of linear light, clipped."""
    index = np.sqrt(np.clip(light, 0, 1)) * (_LEVELS - 1)
    return _srgb_curve()[np.rint(index).astype(np.int32)]


@cache
def _srgb_curve() -> np.ndarray:
    light = np.linspace(0, 1, _LEVELS) ** 2
    signal = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255 * signal).astype(np.uint8)


def _luminance(primaries: int) -> np.ndarray:
    return _to_xyz(primaries if primaries in _PRIMARIES else _SRGB)[1].astype(np.float32)


@cache
def _to_xyz(primaries: int) -> np.ndarray:
    """[3, 3] from linear RGB to XYZ with a white of luminance 1."""
    *rgb, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in _PRIMARIES[primaries])
    columns = np.stack(rgb, axis=1)
    return columns * np.linalg.solve(columns, white)


def _adaptation(primaries: int) -> np.ndarray:
    """[3, 3] that takes XYZ under the primaries' white to XYZ under D65 (Bradford)."""
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    here, there = (cone @ _to_xyz(index).sum(axis=1) for index in (primaries, _SRGB))
    return np.linalg.inv(cone) @ np.diag(there / here) @ cone
