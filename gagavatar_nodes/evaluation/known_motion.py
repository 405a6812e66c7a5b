"""The result against a driver whose motion is known, as the bundled synthetic one's is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..face.pose import yaw_pitch_roll
from .correlation import correlation, jaw, openness
from .tracks import Tracks
from .variants import Variant

YAW, PITCH, JAW, BLINK = range(4)


def _angle(tracks: Tracks, which: int, turn: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    assert tracks.truth is not None
    return np.abs(np.degrees(turn(tracks.result.motion.rotation.astype(np.float64)) - tracks.truth[:, which]))


def _yaw(tracks: Tracks) -> np.ndarray:
    return _angle(tracks, YAW, lambda rotations: yaw_pitch_roll(rotations)[..., 0])


def _pitch(tracks: Tracks) -> np.ndarray:
    return _angle(tracks, PITCH, lambda rotations: yaw_pitch_roll(rotations)[..., 1])


def _jaw(tracks: Tracks) -> float:
    assert tracks.truth is not None
    return correlation(jaw(tracks.result), tracks.truth[:, JAW])


def _blink(tracks: Tracks) -> float:
    assert tracks.truth is not None
    return -correlation(openness(tracks.result), tracks.truth[:, BLINK])


_ANGLE = "mean absolute difference from the known angle, by Procrustes of the bundled tracker's landmarks"
_R = "Pearson's r over time of the known curve and"
VARIANTS = (
    Variant("known.yaw", "yaw error", _ANGLE, "this program", "°", "lower", of_tracks=_yaw),
    Variant("known.pitch", "pitch error", _ANGLE, "this program", "°", "lower", of_tracks=_pitch),
    Variant("known.jaw", "jaw, known", f"{_R} ARKit's jawOpen", "this program", "", "higher", of_tracks=_jaw),
    Variant("known.blink", "blink, known", f"{_R} the lids' closing", "this program", "", "higher", of_tracks=_blink),
)  # fmt: skip
