"""ARKit weights and head poses, made up rather than tracked, played on the bundled face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..easing import smoothstep
from ..face.arkit import arkit_deltas, gaze_of, part_lids
from ..face.bundled_face import bundled_neutral
from ..types import ARKIT_NAMES, Motion
from .operations import neutral_motion

_SHUTTING, _SHUT, _OPENING = 0.09, 0.06, 0.16
"""Seconds that lids take in a blink (Guitton et al., J. Neurophysiol. 65, 1991: down is twice as fast as up)."""
_LIDS = [
    i for i, name in enumerate(ARKIT_NAMES) if name.startswith(("eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown"))
]
_BLOCK = 512


def perform_weights(weights: np.ndarray, rotation: np.ndarray, translation: np.ndarray, fps: float) -> Motion:
    """The bundled face under weights [T, 52], with `Motion.rotation` [T, 3, 3] and `Motion.translation` [T, 3]."""
    neutral = bundled_neutral()
    deltas, gaze = np.empty((len(weights), 478, 3), np.float16), np.empty((len(weights), 2, 2), np.float32)
    for start in range(0, len(weights), _BLOCK):  # to bound memory
        block = slice(start, start + _BLOCK)
        landmarks = part_lids(neutral + arkit_deltas(weights[block]))
        deltas[block], gaze[block] = landmarks - neutral, gaze_of(landmarks)
    return replace(
        neutral_motion(len(weights), fps),
        rotation=rotation.astype(np.float32),
        translation=translation.astype(np.float32),
        deltas=deltas,
        arkit=weights,
        gaze=gaze,
    )


def columns_of(name: str) -> list[int]:
    """Columns of an ARKit name, or of its left and right ones where it names neither."""
    sides = [name] if name in ARKIT_NAMES else [f"{name}Left", f"{name}Right"]
    return [ARKIT_NAMES.index(side) for side in sides]


def add_gaze(weights: np.ndarray, gaze: np.ndarray) -> None:
    """Add eyes that look at [T, 2] -1..1 of their reach, x to the image's right and y up, to weights [T, 52]."""
    x, y = gaze.T
    for name, turn in (
        ("eyeLookOutLeft", x), ("eyeLookInRight", x), ("eyeLookInLeft", -x), ("eyeLookOutRight", -x),
        ("eyeLookUpLeft", y), ("eyeLookUpRight", y), ("eyeLookDownLeft", -y), ("eyeLookDownRight", -y),
    ):  # fmt: skip
        weights[:, ARKIT_NAMES.index(name)] += np.maximum(turn, 0)


def add_blink(weights: np.ndarray, shut: np.ndarray) -> None:
    """Add lids that are `shut` [T] 0..1 to weights [T, 52]: shut lids have nowhere else to go."""
    weights[:, _LIDS] *= 1 - shut[:, None]
    weights[:, columns_of("eyeBlink")] += shut[:, None]


def blink(since: np.ndarray, fps: float) -> np.ndarray:
    """Lids' weight 0..1 at seconds from the middle of a blink, which stays shut for a frame at least."""
    shut = max(_SHUT, 1.02 / fps) / 2
    t = np.where(since < 0, (since + shut + _SHUTTING) / _SHUTTING, (shut + _OPENING - since) / _OPENING)
    return smoothstep(t)
