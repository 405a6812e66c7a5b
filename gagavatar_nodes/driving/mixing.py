"""A face put together from two motions: the mouth of one in the face of another, as in dubbing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..easing import smoothstep
from ..face.bundled_face import bundled_neutral
from ..face.topology import LOWER_LIP, LOWER_LIP_ROWS, MOUTH_CORNERS, UPPER_LIP, UPPER_LIP_ROWS
from ..types import ARKIT_NAMES, SOUND, FlameCodes, Motion
from .operations import scale_expression
from .timeline import extend, resample

MOUTH_COLUMNS = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith(("jaw", "mouth", "tongue", "cheekPuff"))]
"""Columns of the ARKit weights that speech moves."""

_UPPER_EDGE, _LOWER_EDGE = -0.8, -2.6
"""Canonical heights in centimeters between which one face goes over into the other; the nose ends at -2.5."""
_LIPS_CLOSED_CM = 0.04  # as `face.bundled_face` has them at rest
_GAZE_COLUMNS = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith("eyeLook")]
_BLOCK = 512


def replace_mouth(motion: Motion, mouth_of: Motion, shorter: str = "loop") -> Motion:
    """Return the motion with the mouth and jaw of another: head pose, gaze, lids and brows stay, at its frame rate.

    The result is as long as the longer one, and its sound is the mouth's. A mouth that ends earlier holds its last
    shape; a shorter face is repeated ("loop") or held ("hold"). FLAME codes cannot be cut into parts: their expression
    is replaced by ARKit weights, see `FlameCodes.added`; camera and eyes stay.

    Raises:
        GagavatarError: there is no such way to extend the shorter one.
    """
    mouth = resample(mouth_of, motion.fps)
    count = max(len(motion), len(mouth))
    silence = np.arange(1, count - len(mouth) + 1) / motion.fps  # the sound's clock runs on where the mouth is held
    times = np.append(mouth.clock, mouth.clock[-1] + silence).astype(np.float32)
    face, mouth = extend(motion, count, shorter), extend(mouth, count, "hold")
    share, closing = _lower_face(face.neutral)[:, None], _closing(face.neutral)
    deltas = np.empty((count, 478, 3), np.float16)
    for start in range(0, count, _BLOCK):  # to bound memory
        block = slice(start, start + _BLOCK)
        spoken = mouth.deltas[block].astype(np.float32) + closing
        deltas[block] = (1 - share) * face.deltas[block].astype(np.float32) + share * spoken
    arkit = face.arkit.copy()
    arkit[:, MOUTH_COLUMNS] = mouth.arkit[:, MOUTH_COLUMNS]
    flame = None if face.flame is None else _codes(face.flame, arkit)
    extra = {name: value for name, value in face.extra.items() if name != SOUND}
    extra |= {SOUND: mouth.extra[SOUND]} if SOUND in mouth.extra else {}
    return replace(face, deltas=deltas, arkit=arkit, flame=flame, times=times, extra=extra)


def scale_parts(motion: Motion, eyes: float, mouth: float) -> Motion:
    """Weaker (0..1) or stronger eyes with brows, and mouth with jaw, each by itself; 1 and 1 change nothing.

    FLAME codes cannot be cut into parts: as in `replace_mouth`, ARKit weights take the place of their expression.
    """
    if (eyes, mouth) == (1, 1):
        return motion
    above, below = scale_expression(motion, eyes), scale_expression(motion, mouth)
    share = _lower_face(motion.neutral)[:, None]
    deltas = np.empty(motion.deltas.shape, np.float16)
    for start in range(0, len(motion), _BLOCK):
        block = slice(start, start + _BLOCK)
        lower = share * below.deltas[block].astype(np.float32)
        deltas[block] = (1 - share) * above.deltas[block].astype(np.float32) + lower
    arkit = above.arkit.copy()
    arkit[:, MOUTH_COLUMNS] = below.arkit[:, MOUTH_COLUMNS]
    return replace(above, deltas=deltas, arkit=arkit, flame=None if above.flame is None else _codes(above.flame, arkit))


def _codes(flame: FlameCodes, arkit: np.ndarray) -> FlameCodes:
    added = arkit.copy()
    added[:, _GAZE_COLUMNS] = 0  # the codes' own eyes stay
    return replace(flame, expression=np.zeros_like(flame.expression), jaw=np.zeros_like(flame.jaw), added=added)


def _lower_face(neutral: np.ndarray) -> np.ndarray:
    """[478] 0..1 how much of each landmark is the mouth's."""
    share = smoothstep((_UPPER_EDGE - neutral[:, 1]) / (_UPPER_EDGE - _LOWER_EDGE))
    share[468:] = 0
    return share


def _closing(neutral: np.ndarray) -> np.ndarray:
    """[478, 3] offsets that close the lips of a neutral face that was tracked with an open mouth."""
    offsets = np.zeros((478, 3), np.float32)
    rest = bundled_neutral()
    gap = float(neutral[UPPER_LIP, 1] - neutral[LOWER_LIP, 1]) - max(
        _LIPS_CLOSED_CM, float(rest[UPPER_LIP, 1] - rest[LOWER_LIP, 1])
    )
    if gap <= 0:
        return offsets
    left, right = (neutral[corner, 0] for corner in MOUTH_CORNERS)
    middle, half = (left + right) / 2, abs(right - left) / 2
    profile = np.clip(1 - ((neutral[:, 0] - middle) / (half * 1.15)) ** 2, 0, 1)
    for rows, part in ((UPPER_LIP_ROWS, -0.3), (LOWER_LIP_ROWS, 0.7)):
        offsets[list(rows), 1] += part * gap * profile[list(rows)]
    return offsets
