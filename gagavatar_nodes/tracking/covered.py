"""A mouth behind a hand, a microphone, a mask or a text: lips and skin there look otherwise than in the other frames.

The landmark model makes such a mouth up, and is as sure of it as of one that it sees.
"""

from __future__ import annotations

import numpy as np

from ..face.pose import yaw_pitch_roll
from .opencv import opencv

_ABOVE = (117, 118, 101, 50, 346, 347, 330, 280, 6, 197, 195, 5, 119, 348, 100, 329)
"""Cheeks and nose, which tell of the light."""
_AROUND = (57, 186, 92, 165, 167, 164, 393, 391, 322, 410, 287, 273, 335, 406, 313, 18, 83, 182, 106, 43)
_CHIN = (200, 199, 175, 201, 421, 208, 428, 194, 418, 32, 262, 140, 369)
_LIPS = (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306, 77, 90, 180, 85, 16, 315, 404, 320, 307)
_PARTS = tuple(np.split(np.arange(len(_AROUND) + len(_CHIN) + len(_LIPS)), np.cumsum([len(_AROUND), len(_CHIN)])))
TONES = len(_AROUND) + len(_CHIN) + len(_LIPS)
"""Places whose colors are looked at."""
_SHRINK = 4
_DARKEST = 8.0
"""Added to values 0..255, so that shadows do not differ by much."""
_OTHER, _OTHER_LIGHT, _POINT = 0.5, 0.8, 0.4
"""Differences of logarithms of color, by which half of a part's places differ, between shots too, and one place. Speech
and turns of the head reach 0.25, hands 0.3 to 0.8, microphones, masks and texts 0.4 to 1.7."""
_PLACES = 0.25
"""Share of places around the mouth that differ where a chin does too."""
_PALE, _LEAST_RED = 0.3, 0.05
"""Share of their redness under which lips are none, and the least by which lips tell themselves from skin."""
_OFTEN = 0.25
"""Share of a shot from which the unusual may be the mouth that is seen."""
_MOST_TURNED = np.radians(40)
_SHORTEST = 12
"""Frames of a shot in which there is something to compare with."""
_BLINK, _AROUND_SECONDS = 5, 0.12
"""Frames over which a majority decides, and seconds before and after for which a mouth is taken to be half covered."""


def face_tones(view: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[TONES, 3] float16: logarithms of the lower face's colors from the upper face's.

    Args:
        view: [S, S, 3] uint8 RGB, the face as the landmark model saw it.
        points: [478, 2] landmarks in pixels of the view.
    """
    cv2 = opencv()
    small = cv2.resize(view, None, fx=1 / _SHRINK, fy=1 / _SHRINK, interpolation=cv2.INTER_AREA).astype(np.float32)
    places = (points[[*_ABOVE, *_AROUND, *_CHIN, *_LIPS]].astype(np.float32) + 0.5) / _SHRINK - 0.5
    seen = cv2.remap(small, places[None, :, 0], places[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    tones = np.log(seen[0] + _DARKEST)
    return (tones[len(_ABOVE) :] - tones[: len(_ABOVE)].mean(0)).astype(np.float16)


def covered_mouths(tones: np.ndarray, rotation: np.ndarray, starts: list[int], fps: float) -> np.ndarray:
    """[T] bool: whether something covers the mouth.

    Args:
        tones: [T, TONES, 3], see `face_tones`; not finite where nobody looked.
        rotation: [T, 3, 3] of the head.
        starts: indices of the shots' first frames, increasing; the first is 0.
        fps: frames a second.
    """
    turned = np.abs(yaw_pitch_roll(rotation)[:, :2]).max(1) > _MOST_TURNED
    told = ~turned & np.isfinite(tones[:, 0, 0])
    shots = [start + np.flatnonzero(told[start:end]) for start, end in zip(starts, [*starts[1:], None], strict=True)]
    covered = np.zeros(len(tones), bool)
    longest = max(shots, key=len)
    if len(longest) < _SHORTEST:
        return covered
    values = tones.astype(np.float32)
    open_mouths = longest[~_judge(values[longest])]
    for frames in shots:
        if len(frames) >= _SHORTEST:
            covered[frames] = _judge(values[frames])
        if frames is not longest:  # in other light
            covered[frames] |= _unlike(values[frames], values[open_mouths], _OTHER_LIGHT)
    return _steady(covered, round(_AROUND_SECONDS * fps))


def _judge(tones: np.ndarray) -> np.ndarray:
    """[T] bool of the frames of one shot."""
    covered = _unlike(tones, tones)
    if covered.mean() > _OFTEN and _redness(tones[covered]).mean() > max(_redness(tones[~covered]).mean(), _LEAST_RED):
        covered = _unlike(tones, tones[covered])  # it is covered most of the time
    return covered


def _unlike(tones: np.ndarray, usual: np.ndarray, most: float = _OTHER) -> np.ndarray:
    """[T] bool: which frames look otherwise than usual [U, TONES, 3]; differences of `most` are other light."""
    change = np.abs(tones - np.median(usual, axis=0)).max(-1)
    around, chin, lips = (np.median(change[:, part], axis=1) for part in _PARTS)
    places = (change[:, _PARTS[0]] > _POINT).mean(1)
    redness = float(np.median(_redness(usual)))
    pale = (_redness(tones) < _PALE * redness) & (redness > _LEAST_RED)
    return (np.maximum(around, lips) > most) | (chin > most) & (places >= _PLACES) | (lips > most / 2) & pale


def _redness(tones: np.ndarray) -> np.ndarray:
    """[T] by how much redder the lips are than the skin around them."""
    around, _, lips = (tones[:, part, 0] - tones[:, part, 1] for part in _PARTS)
    return lips.mean(1) - around.mean(1)


def _steady(covered: np.ndarray, around: int) -> np.ndarray:
    """Without what lasts for a frame or two, and with the frames in which a hand comes and goes."""
    padded = np.pad(covered.astype(float), _BLINK // 2, mode="edge")
    kept = np.convolve(padded, np.ones(_BLINK) / _BLINK, "valid") > 0.5
    return np.convolve(kept, np.ones(2 * around + 1), "same") > 0.5
