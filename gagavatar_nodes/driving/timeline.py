"""A motion's frames as a timeline: cut, resample, smooth and loop all of its arrays together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..easing import smoothstep
from ..errors import GagavatarError
from ..media.timing import FPS_RANGE
from ..types import OF_FRAMES, Motion

_LINEAR = ("translation", "scale", "deltas", "arkit", "gaze")
_SMOOTHEST_SECONDS = 0.2
"""Standard deviation of the Gaussian at strength 1: half of a blink."""
_MOST_FRAMES = 1_000_000
"""Of a motion that is brought to a higher rate: eleven hours at 25 frames a second, and 3 GB."""

Mix = Callable[[np.ndarray], np.ndarray]


def trim(motion: Motion, start: float = 0, end: float | None = None, unit: str = "frames") -> Motion:
    """Frames from `start` to `end` (not included; None: to the last), which are frame numbers or seconds.

    Raises:
        GagavatarError: nothing would be left, or a bound lies outside of the motion.
    """
    if unit not in ("frames", "seconds"):
        raise GagavatarError(f"A motion is trimmed by 'frames' or 'seconds', not by '{unit}'")
    rate = 1.0 if unit == "frames" else motion.fps
    last = len(motion) if end is None else round(end * rate)
    first = round(start * rate)
    if not 0 <= first < last <= len(motion):
        asked = f"{start:g} to {'the end' if end is None else f'{end:g}'} {unit}"
        raise GagavatarError(
            f"The motion cannot be trimmed to {asked}: it has {len(motion)} frames ({len(motion) / motion.fps:.2f} s)"
        )
    return take(motion, np.arange(first, last))


def resample(motion: Motion, fps: float) -> Motion:
    """Return the same motion at another frame rate: rotations along the sphere, everything else linearly."""
    low, high = FPS_RANGE
    if not low <= fps <= high:
        raise GagavatarError(f"Frames per second must be {low:g} to {high:g}, but got {fps}")
    if fps == motion.fps:
        return motion
    count = max(1, round(len(motion) * fps / motion.fps))
    if count > max(_MOST_FRAMES, len(motion)):
        raise GagavatarError(
            f"{motion.source or 'The motion'} lasts {len(motion) / motion.fps / 3600:,.1f} hours at its {motion.fps:g} "
            f"frames a second, too many frames at {fps:g}: correct its rate, or choose a lower one"
        )
    positions = np.arange(count) * (motion.fps / fps)
    return replace(sample(motion, positions), fps=float(fps), times=_clock_at(motion, positions))


def smooth(motion: Motion, strength: float) -> Motion:
    """Without lag, by a Gaussian over time: strength 0 changes nothing, 1 has a standard deviation of 0.2 s."""
    if not 0 <= strength <= 1:
        raise GagavatarError(f"The strength of smoothing must be within 0 and 1, but got {strength}")
    sigma = strength * _SMOOTHEST_SECONDS * motion.fps
    if sigma == 0 or len(motion) == 1:
        return motion
    from scipy.ndimage import gaussian_filter1d

    def blur(values: np.ndarray) -> np.ndarray:
        return gaussian_filter1d(_wide(values), sigma, axis=0, mode="nearest")

    return _mix(motion, blur)


def loop(motion: Motion, blend_seconds: float = 0.4) -> Motion:
    """Return a motion whose end runs into its beginning: its last frames fade into the first, which are cut off.

    The fade is at most half of the motion; the result is shorter by it.
    """
    if blend_seconds < 0:
        raise GagavatarError(f"The blend of a loop must be 0 seconds or more, but got {blend_seconds}")
    count = min(round(blend_seconds * motion.fps), len(motion) // 2)
    if count == 0:
        return motion
    share = smoothstep(np.arange(1, count + 1) / (count + 1))
    total = len(motion)

    def fade(values: np.ndarray) -> np.ndarray:
        faded = _lerp(values[total - count :], values[:count], share).astype(values.dtype)
        return np.concatenate([values[count : total - count], faded])

    def fade_rotations(matrices: np.ndarray) -> np.ndarray:
        faded = _slerp(matrices[total - count :], matrices[:count], share)
        return np.concatenate([matrices[count : total - count], faded])

    rest = {"confidence": motion.confidence[count:].copy(), "times": motion.clock[count:].astype(np.float32)}
    return replace(_mix(motion, fade, fade_rotations), extra=_timeless(motion), **rest)


def ping_pong(motion: Motion) -> Motion:
    """Return the motion forward and then backward, so that its last frame runs into its first."""
    return take(motion, np.r_[0 : len(motion), len(motion) - 2 : 0 : -1])


def repeat(motion: Motion, count: int) -> Motion:
    """Return the motion `count` times, one after the other.

    Raises:
        GagavatarError: the result would be too long.
    """
    if count < 1 or count * len(motion) > max(_MOST_FRAMES, len(motion)):
        raise GagavatarError(f"{len(motion)} frames cannot be played {count} times: choose 1 or a few more")
    return motion if count == 1 else take(motion, np.tile(np.arange(len(motion)), count))


def extend(motion: Motion, count: int, how: str) -> Motion:
    """Return the motion with `count` frames, no fewer than it has: repeated ("loop"), or its last frame held ("hold").

    Raises:
        GagavatarError: there is no such way.
    """
    if how not in ("loop", "hold"):
        raise GagavatarError(f"The shorter motion can 'loop' or 'hold', not '{how}'")
    if len(motion) == count:
        return motion
    if how == "hold" or len(motion) == 1:
        return take(motion, np.minimum(np.arange(count), len(motion) - 1))
    repeated = loop(motion)
    cut = len(motion) - len(repeated)  # what it lacks at its beginning comes first, so that the first pass is in time
    return _concatenate(take(motion, np.arange(cut)), take(repeated, np.arange(count - cut) % len(repeated)))


def _concatenate(first: Motion, second: Motion) -> Motion:
    """Return the frames of two parts of one motion, one after the other."""
    names = ("rotation", "confidence", "times", *_LINEAR)
    frames: dict[str, Any] = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
    flame = first.flame
    if flame is not None and second.flame is not None:
        codes = ["expression", "jaw", "eyes", "transform"]
        codes += ["shape"] if flame.shape.ndim == 2 else []
        codes += [] if flame.added is None else ["added"]
        parts = flame, second.flame
        whole: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in codes}
        flame = replace(flame, **whole)
    return replace(first, flame=flame, **frames)


def take(motion: Motion, frames: np.ndarray) -> Motion:
    """Return the frames with these indices [N], in this order."""
    per_frame = {name: getattr(motion, name)[frames] for name in ("rotation", "confidence", *_LINEAR)}
    flame = motion.flame
    if flame is not None:
        shape = flame.shape[frames] if flame.shape.ndim == 2 else flame.shape
        flame = replace(flame.with_face(lambda codes: codes[frames]), shape=shape, transform=flame.transform[frames])
    times = motion.clock[frames].astype(np.float32)
    return replace(motion, flame=flame, times=times, extra=_timeless(motion), **per_frame)


def _timeless(motion: Motion) -> dict[str, str]:
    """Return the motion's notes without those on single frames."""
    return {key: value for key, value in motion.extra.items() if key not in OF_FRAMES}


def sample(motion: Motion, positions: np.ndarray) -> Motion:
    """Return the motion at fractional frame numbers [N], held before the first and after the last frame.

    Confidence is the nearest frame's, so that bridged frames stay marked.
    """
    positions = np.clip(positions, 0, len(motion) - 1)
    low = np.floor(positions).astype(int)
    high = np.minimum(low + 1, len(motion) - 1)
    share = positions - low

    def between(values: np.ndarray) -> np.ndarray:
        return _lerp(values[low], values[high], share)

    def between_rotations(matrices: np.ndarray) -> np.ndarray:
        return _slerp(matrices[low], matrices[high], share)

    nearest = np.round(positions).astype(int)
    rest = {"confidence": motion.confidence[nearest], "times": _clock_at(motion, positions)}
    return replace(_mix(motion, between, between_rotations), extra=_timeless(motion), **rest)


def _clock_at(motion: Motion, positions: np.ndarray) -> np.ndarray:
    """[N] float32 times at fractional frame numbers [N], each counted on from the frame before it as that one plays."""
    clock = motion.clock
    low = np.clip(np.floor(positions), 0, len(clock) - 1).astype(int)
    steps = np.diff(clock, append=clock[-1] + 1 / motion.fps)
    steps[np.abs(steps) * motion.fps > 1.5] = 1 / motion.fps  # the frame before a cut
    return (clock[low] + (positions - low) * steps[low]).astype(np.float32)


def _mix(motion: Motion, mix: Mix, mix_rotations: Mix | None = None) -> Motion:
    """`mix` applied along time to every array, and to the rotations' quaternions unless they have their own."""
    rotate = mix_rotations or (lambda matrices: _mix_quaternions(matrices, mix))
    arrays: dict[str, Any] = {name: _apply(getattr(motion, name), mix) for name in _LINEAR}
    flame = motion.flame
    if flame is not None:
        # Jaw and eyes turn little: axis-angle mixes linearly.
        turn, shift = _apply(flame.transform[..., :3], rotate), _apply(flame.transform[..., 3], mix)
        shape = _apply(flame.shape, mix) if flame.shape.ndim == 2 else flame.shape
        face = flame.with_face(lambda codes: _apply(codes, mix))
        flame = replace(face, shape=shape, transform=np.concatenate([turn, shift[..., None]], axis=2))
    return replace(motion, rotation=_apply(motion.rotation, rotate), flame=flame, **arrays)


def _apply(values: np.ndarray, mix: Mix) -> np.ndarray:
    return mix(values).astype(values.dtype)


def _wide(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) if values.dtype == np.float16 else values


def _lerp(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    first, second = _wide(first), _wide(second)
    weight = share.reshape(-1, *([1] * (first.ndim - 1))).astype(first.dtype)
    return first + weight * (second - first)


def _slerp(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Rotations [N, 3, 3] the `share` [N] of the way from `first` to `second`."""
    from scipy.spatial.transform import Rotation

    start = Rotation.from_matrix(first)
    turn = (start.inv() * Rotation.from_matrix(second)).as_rotvec()
    return (start * Rotation.from_rotvec(turn * share[:, None])).as_matrix()


def _mix_quaternions(matrices: np.ndarray, mix: Mix) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    quaternions = Rotation.from_matrix(matrices).as_quat()
    # q and -q are one rotation: without jumps of sign, near quaternions may be mixed linearly.
    signs = np.where((quaternions[1:] * quaternions[:-1]).sum(1) < 0, -1.0, 1.0)
    quaternions[1:] *= np.cumprod(signs)[:, None]
    return Rotation.from_quat(mix(quaternions)).as_matrix()
