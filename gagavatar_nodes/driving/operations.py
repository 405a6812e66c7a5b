"""What can be done to a motion before it drives an avatar. Every operation returns a new motion."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ..errors import GagavatarError
from ..face.arkit import arkit_deltas, arkit_weights, fit_arkit, gaze_of, part_lids
from ..face.bundled_face import bundled_neutral
from ..heads.editions import check_same_edition
from ..types import AUTHORED_NEUTRAL, Motion
from .pose import orbit, orbit_path, scale_head_pose, turn_by, turn_head
from .timeline import extend, loop, ping_pong, repeat, resample, smooth, take, trim

__all__ = [
    "add_arkit",
    "add_motion",
    "combine",
    "loop",
    "neutral_motion",
    "orbit",
    "orbit_path",
    "pick_neutral",
    "ping_pong",
    "repeat",
    "resample",
    "scale_expression",
    "scale_head_pose",
    "smooth",
    "trim",
    "turn_head",
]

_STILL_SCALE = 1 / 40
"""Picture heights per centimeter of a made motion: a head and shoulders fill the picture."""
_BLOCK = 512
"""Frames whose landmarks are worked on in full precision at once."""


def neutral_motion(frames: int = 1, fps: float = 25.0) -> Motion:
    """Return the bundled face at rest, looking into the camera."""
    if frames < 1 or not fps > 0:
        raise GagavatarError(f"A still needs a frame and frames per second above 0, but got {frames} at {fps} fps")
    neutral = bundled_neutral()
    return Motion(
        fps=float(fps),
        rotation=np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1)),
        translation=np.zeros((frames, 3), np.float32),
        scale=np.full(frames, _STILL_SCALE, np.float32),
        neutral=neutral.astype(np.float32),
        deltas=np.zeros((frames, 478, 3), np.float16),
        arkit=np.zeros((frames, 52), np.float32),
        gaze=np.tile(gaze_of(neutral), (frames, 1, 1)).astype(np.float32),
        confidence=np.ones(frames, np.float32),
        source="still",
        extra={"neutral": AUTHORED_NEUTRAL},
    )


def pick_neutral(motion: Motion, frame: int | None = None) -> Motion:
    """Return the same faces, measured from another moment of rest: a frame, or the one that looks most at rest.

    A portrait will take a frame picked here for its own expression, and not look for one like it.

    ARKit weights are fitted anew. FLAME codes have an absolute zero and stay.

    Raises:
        GagavatarError: the motion has no such frame.
    """
    extra = motion.extra if frame is None else motion.extra | {"neutral": AUTHORED_NEUTRAL}
    if frame is None:
        from ..face.neutral import choose_neutral

        frame = choose_neutral(motion.deltas, motion.neutral)
    if not 0 <= frame < len(motion):
        raise GagavatarError(f"There is no frame {frame}: the motion has frames 0 to {len(motion) - 1}")
    neutral = motion.neutral + motion.deltas[frame].astype(np.float32)
    return replace(measure_from(motion, neutral), extra=extra)


def measure_from(motion: Motion, neutral: np.ndarray) -> Motion:
    """Return the same faces as differences from another face at rest, [478, 3] in centimeters; see `pick_neutral`."""
    rest = (neutral - motion.neutral).astype(np.float32)
    deltas = _per_block(motion.deltas, lambda part, _: part - rest)
    return replace(motion, neutral=neutral.astype(np.float32), deltas=deltas, arkit=fit_arkit(deltas))


def scale_expression(motion: Motion, strength: float) -> Motion:
    """Weaker (0..1) or stronger expression, gaze and lids included: 0 is the neutral face, 1 changes nothing.

    Lids that would pass each other stop where they meet.
    """
    if not math.isfinite(strength) or strength < 0:
        raise GagavatarError(f"The strength of the expression must be 0 or more, but got {strength}")
    if strength == 1:
        return motion
    rest_gaze = gaze_of(motion.neutral)
    flame = motion.flame
    if flame is not None:
        flame = flame.with_face(lambda codes: (codes * strength).astype(np.float32))
    return replace(
        motion,
        deltas=_per_block(motion.deltas, lambda part, _: _lids_apart(motion.neutral, part * strength)),
        arkit=np.clip(motion.arkit * strength, 0, 1).astype(np.float32),
        gaze=(rest_gaze + (motion.gaze - rest_gaze) * strength).astype(np.float32),
        flame=flame,
    )


def add_arkit(motion: Motion, weights: Mapping[str, float] | np.ndarray) -> Motion:
    """Add to the expression what ARKit weights do, by name or as [52] or [T, 52]; they may be negative or above 1.

    FLAME codes stay and the weights go along with them, see `FlameCodes.added`.

    Raises:
        GagavatarError: a name is unknown (the closest is named), or the array's shape does not fit.
    """
    offsets = arkit_weights(weights)
    if offsets.ndim > 2 or (offsets.ndim == 2 and len(offsets) != len(motion)):
        raise GagavatarError(f"ARKit weights of shape {offsets.shape} do not fit a motion of {len(motion)} frames")
    per_frame = np.broadcast_to(offsets, (len(motion), 52))
    rest = bundled_neutral()
    looks = arkit_deltas(offsets)
    glance = gaze_of(rest + looks) - gaze_of(rest)
    flame = motion.flame
    if flame is not None:
        earlier = 0 if flame.added is None else flame.added
        flame = replace(flame, added=(earlier + per_frame).astype(np.float32))
    each = np.broadcast_to(looks, (len(motion), 478, 3))
    return replace(
        motion,
        deltas=_per_block(motion.deltas, lambda part, block: _lids_apart(motion.neutral, part + each[block])),
        arkit=np.clip(motion.arkit + per_frame, 0, 1).astype(np.float32),
        gaze=(motion.gaze + glance).astype(np.float32),
        flame=flame,
    )


def add_motion(motion: Motion, other: Motion, shorter: str = "hold") -> Motion:
    """Return a motion with the ARKit weights of another added, and its head turned further by the other's.

    As long as `motion`, at its frame rate; `other` is cut, or extended as in `combine`.
    """
    other = resample(other, motion.fps)
    other = take(extend(other, max(len(motion), len(other)), shorter), np.arange(len(motion)))
    moved = add_arkit(motion, other.arkit)
    return turn_by(moved, other.rotation)


def combine(expression_of: Motion, pose_of: Motion, shorter: str = "loop") -> Motion:
    """Return the expression of one motion with the head pose of another, at the first one's frame rate.

    The shorter of them is repeated, its end faded into its beginning ("loop"), or its last frame held ("hold").
    FLAME codes need both: where one of the two has none they are dropped, because a camera that was solved with another
    driver's head would contradict the pose.

    Raises:
        GagavatarError: both have codes, of different editions; or there is no such way to extend the shorter one.
    """
    pose_of = resample(pose_of, expression_of.fps)
    count = max(len(expression_of), len(pose_of))
    face, head = (extend(motion, count, shorter) for motion in (expression_of, pose_of))
    flame = None
    if face.flame is not None and head.flame is not None:
        check_same_edition(face.flame.edition, head.flame.edition)
        flame = replace(face.flame, transform=head.flame.transform, placed=head.flame.placed)
    return replace(
        face,
        rotation=head.rotation,
        translation=head.translation,
        scale=head.scale,
        confidence=np.minimum(face.confidence, head.confidence),
        flame=flame,
    )


def _lids_apart(neutral: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    return part_lids(neutral + deltas) - neutral


def _per_block(deltas: np.ndarray, change: Callable[[np.ndarray, slice], np.ndarray]) -> np.ndarray:
    """`change(part, block)` of every few hundred frames of deltas [T, 478, 3] in float32; the result in float16."""
    changed = np.empty(deltas.shape, np.float16)
    for start in range(0, len(deltas), _BLOCK):
        block = slice(start, start + _BLOCK)
        changed[block] = change(deltas[block].astype(np.float32), block)
    return changed
