"""A face put together from two motions: the mouth of one in the face of another, as in dubbing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..easing import smoothstep
from ..face.arkit import gaze_of
from ..face.bundled_face import bundled_neutral
from ..face.topology import (
    LOWER_LIDS,
    LOWER_LIP,
    LOWER_LIP_ROWS,
    MOUTH_CORNERS,
    UPPER_LIDS,
    UPPER_LIP,
    UPPER_LIP_ROWS,
    eye_openness,
    eye_widths,
)
from ..types import ARKIT_NAMES, SOUND, FlameCodes, Motion
from .operations import scale_expression
from .timeline import extend, resample, trim

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


def replace_parts(motion: Motion, expression_of: Motion, eyes: float = 1.0, mouth: float = 1.0) -> Motion:
    """Return the motion with a share of another's expression: of its eyes and brows, and of its mouth and jaw.

    Head pose, neutral face and frame rate stay; the result ends with the shorter of the two. FLAME codes, which cannot
    be cut into parts, are dropped.

    Args:
        motion: whose head it is.
        expression_of: whose expression is taken.
        eyes: 0..1, 0 keeps the motion's own.
        mouth: 0..1, likewise.
    """
    other = resample(expression_of, motion.fps)
    count = min(len(motion), len(other))
    motion, other = trim(motion, 0, count), trim(other, 0, count)
    lower = _lower_face(motion.neutral)[:, None]
    share, closing = eyes + (mouth - eyes) * lower, mouth * lower * (_closing(motion.neutral) - _closing(other.neutral))
    lids = _lid_sizes(motion.neutral, other.neutral)
    deltas = np.empty((count, 478, 3), np.float16)
    for start in range(0, count, _BLOCK):
        block = slice(start, start + _BLOCK)
        own, taken = motion.deltas[block].astype(np.float32), lids * other.deltas[block].astype(np.float32)
        deltas[block] = own + share * (taken - own) + closing
    part = np.full(len(ARKIT_NAMES), eyes)
    part[MOUTH_COLUMNS] = mouth
    arkit = (motion.arkit + part * (other.arkit - motion.arkit)).astype(np.float32)
    looking = gaze_of(motion.neutral) + other.gaze - gaze_of(other.neutral)
    gaze = (motion.gaze + eyes * (looking - motion.gaze)).astype(np.float32)
    return replace(motion, deltas=deltas, arkit=arkit, gaze=gaze, flame=None)


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


def _lid_sizes(neutral: np.ndarray, other: np.ndarray) -> np.ndarray:
    """[478, 1] by how much lids of a neutral face move for those of another: as eyes that open farther must to shut."""
    sizes = np.ones((478, 1), np.float32)
    gaps = [eye_openness(face.astype(np.float64)) * eye_widths(face) for face in (neutral, other)]
    for side, (own, others) in enumerate(zip(*gaps, strict=True)):
        sizes[[*UPPER_LIDS[side], *LOWER_LIDS[side]]] = np.clip(own / max(others, 1e-3), 0.5, 2.0)
    return sizes


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
