"""Motions made of key frames: an expression and a head pose at each of some times, slow at both ends between them."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from ..easing import smoothstep
from ..errors import GagavatarError
from ..types import ARKIT_NAMES, Motion
from .macros import ANGLES, EXPRESSIONS, MACROS, spread
from .operations import add_arkit, neutral_motion
from .pose import rotation_of

MOST_KEYS, LONGEST_SECONDS = 200, 3600.0
_LINE = re.compile(r"^\s*(?P<time>\d+(?:\.\d*)?|\.\d+)\s*(?:s|seconds?)?\s*[:,]?\s+(?P<face>\S.*)$|^\s*$")
_PART = re.compile(r"^(?P<name>[A-Za-z]\w*)\s*[= :]?\s*(?P<value>[+-]?(?:\d+(?:\.\d*)?|\.\d+))?$")


@dataclass(frozen=True)
class KeyFrame:
    """What the face does at one time."""

    seconds: float
    weights: dict[str, float] = field(default_factory=dict)
    """ARKit weights; those not named are 0."""
    angles: dict[str, float] = field(default_factory=dict)
    """Degrees of `ANGLES`, as in `pose.turn_head`."""


def parse_keys(text: str) -> list[KeyFrame]:
    """Return key frames from lines such as `1.5: happy 0.6, turn 20, jawOpen 0.2`, in the order of their times.

    Each names expressions (`macros.EXPRESSIONS`), macros, ARKit weights and angles; a number is its strength or value,
    1 where there is none; angles want degrees. What a line does not name is at rest.

    Raises:
        GagavatarError: a line or a name is not understood, there is none, or there are too many.
    """
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        found = _LINE.match(line)
        if found is None:
            raise GagavatarError(f"Line {number} of the key frames is no time and expression: write '1.5: happy'")
        if found["face"] is not None:
            keys.append(_key(float(found["time"]), found["face"], number))
    if not keys:
        raise GagavatarError("There is no key frame: write a line such as '0: neutral' and one such as '1.5: happy'")
    if len(keys) > MOST_KEYS or max(key.seconds for key in keys) > LONGEST_SECONDS:
        raise GagavatarError(f"Key frames are at most {MOST_KEYS}, and within {LONGEST_SECONDS:g} seconds")
    return sorted(keys, key=lambda key: key.seconds)


def play_keys(keys: Sequence[KeyFrame], fps: float, loop: bool = False) -> Motion:
    """Return the motion from second 0 to the last key, held before the first; `loop`: and back to the first one.

    The way back takes as long as the longest step between two keys.
    """
    keys = list(keys)
    if loop and len(keys) > 1:
        step = max(after.seconds - before.seconds for before, after in pairwise(keys))
        keys.append(replace(keys[0], seconds=keys[-1].seconds + max(step, 1 / fps)))
    count = max(1, round(keys[-1].seconds * fps) + (0 if loop and len(keys) > 1 else 1))
    return interpolate(np.array([key.seconds for key in keys]), np.array([_row(key) for key in keys]), count, fps)


def interpolate(times: np.ndarray, rows: np.ndarray, count: int, fps: float) -> Motion:
    """Return `count` frames between `rows` [K, 3 + 52] of degrees and ARKit weights at `times` [K] in seconds."""
    seconds = np.clip(np.arange(count) / fps, times[0], times[-1])
    before = np.clip(np.searchsorted(times, seconds, "right") - 1, 0, max(0, len(times) - 2))
    after = np.minimum(before + 1, len(times) - 1)
    part = smoothstep((seconds - times[before]) / np.maximum(times[after] - times[before], 1e-6))[:, None]
    values = rows[before] + part * (rows[after] - rows[before])
    motion = add_arkit(neutral_motion(count, fps), values[:, len(ANGLES) :].astype(np.float32))
    turned = rotation_of(*np.radians(values[:, : len(ANGLES)]).T)
    return replace(motion, rotation=turned, source="key frames")


def _key(seconds: float, face: str, number: int) -> KeyFrame:
    values: dict[str, float] = {}
    for part in re.split(r"[,;]", face):
        if not part.strip():
            continue
        found = _PART.match(part.strip())
        name = None if found is None else found["name"]
        if name not in _KNOWN:
            near = difflib.get_close_matches(str(name or part.strip()), _KNOWN, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else f" Expressions are {', '.join(EXPRESSIONS)}."
            raise GagavatarError(f"Line {number} of the key frames: there is no '{part.strip()}'.{hint}")
        given = None if found is None else found["value"]
        if given is None and name in _TURNS:
            raise GagavatarError(f"Line {number} of the key frames: '{name}' wants degrees: write '{name} 20'")
        value = float(given or 1)
        for key, share in EXPRESSIONS.get(str(name), {str(name): 1.0}).items():
            values[key] = values.get(key, 0.0) + value * share
    return KeyFrame(seconds, *spread(values))


def _row(key: KeyFrame) -> list[float]:
    turned = [math.fmod(key.angles.get(name, 0.0), 180) for name in ANGLES]
    return turned + [key.weights.get(name, 0.0) for name in ARKIT_NAMES]


_TURNS = (*ANGLES, *(name for name, macro in MACROS.items() if macro.angle))
_KNOWN = (*EXPRESSIONS, *MACROS, *ANGLES, *ARKIT_NAMES)
