"""Sliders of a face: their groups, the motion that they mean, and key frames between which a motion moves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..driving.operations import add_arkit, neutral_motion
from ..driving.pose import rotation_of
from ..easing import smoothstep
from ..errors import FileFormatError, GagavatarError
from ..nodes.expression import REGIONS
from ..types import ARKIT_NAMES, Motion

POSE: dict[str, tuple[float, str]] = {
    "yaw": (60.0, "Turn"),
    "pitch": (45.0, "Nod"),
    "roll": (45.0, "Tilt"),
}
"""Slider -> its largest angle in degrees, and its label."""
GAZE = {"gazeX": "Look sideways", "gazeY": "Look up and down"}
"""Slider from -1 to 1 -> its label."""
NAMES = (*POSE, *GAZE, *ARKIT_NAMES)
"""Every slider."""
GROUPS = {region: [name for name in ARKIT_NAMES if name.startswith(start)] for region, start in REGIONS.items()}
"""Region of the face -> its blendshapes."""
LOW, HIGH = 0.0, 1.0

_LOOKS = {
    "gazeX": (("eyeLookInLeft", "eyeLookOutRight"), ("eyeLookOutLeft", "eyeLookInRight")),
    "gazeY": (("eyeLookDownLeft", "eyeLookDownRight"), ("eyeLookUpLeft", "eyeLookUpRight")),
}
"""Blendshapes of a gaze below 0 and above 0. Right is the image's, which is the subject's left."""
_MOST_KEYS, _LONGEST = 200, 60.0


def pose_face(values: Mapping[str, float]) -> Motion:
    """One frame with the sliders at `values`; those not named are at rest."""
    return interpolate_keys([values], 0.0, 25.0)


def blendshapes(values: Mapping[str, float]) -> dict[str, float]:
    """Return the ARKit weights of the sliders, the gaze included, without those that are 0."""
    weights = {name: float(values.get(name, 0.0)) for name in ARKIT_NAMES}
    for name, sides in _LOOKS.items():
        amount = float(values.get(name, 0.0))
        for look in sides[amount > 0]:
            weights[look] += abs(amount)
    return {name: weight for name, weight in weights.items() if weight}


def node_inputs(values: Mapping[str, float]) -> dict[str, float]:
    """Return the inputs of the node Expression that mean the same."""
    pose = {name: float(values.get(name, 0.0)) for name in POSE}
    return pose | {name: min(1.0, weight) for name, weight in blendshapes(values).items()}


def interpolate_keys(keys: Sequence[Mapping[str, float]], seconds: float, fps: float) -> Motion:
    """Return a motion that goes from one key to the next in `seconds` each, slow at both ends.

    Raises:
        GagavatarError: there is no key, or the motion would be too long.
    """
    if not keys:
        raise GagavatarError("There is no key frame: set the sliders, then add one")
    if len(keys) > _MOST_KEYS or (len(keys) - 1) * seconds > _LONGEST:
        raise GagavatarError(
            f"Key frames are for motions up to {_LONGEST:g} s: take some away, or less time between them"
        )
    count = round((len(keys) - 1) * seconds * fps) + 1
    place = np.arange(count) / max(1, count - 1) * (len(keys) - 1)
    index = np.minimum(place.astype(int), max(0, len(keys) - 2))
    part = smoothstep(place - index)[:, None]
    table = np.array([_row(key) for key in keys])
    rows = table[index] + part * (table[np.minimum(index + 1, len(keys) - 1)] - table[index])
    motion = add_arkit(neutral_motion(count, fps), rows[:, len(POSE) :].astype(np.float32))
    turned = rotation_of(*np.radians(rows[:, : len(POSE)]).T)
    return replace(motion, rotation=turned, source="key frames")


def to_json(values: Mapping[str, float]) -> str:
    """Return the sliders that are not at rest."""
    return json.dumps({name: round(float(values[name]), 3) for name in NAMES if values.get(name)}, indent=1)


def from_json(text: str) -> dict[str, float]:
    """All sliders, from what `to_json` wrote.

    Raises:
        FileFormatError: it is no JSON object of sliders and numbers.
    """
    try:
        given = json.loads(text)
        values = {str(name): float(value) for name, value in given.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FileFormatError('This is no expression: paste JSON such as {"jawOpen": 0.4, "yaw": 10}') from error
    unknown = [name for name in values if name not in NAMES]
    if unknown:
        raise FileFormatError(
            f"There is no slider '{unknown[0]}': names are those of ARKit, {', '.join((*POSE, *GAZE))}"
        )
    return {name: float(np.clip(np.nan_to_num(values.get(name, 0.0)), *bounds(name))) for name in NAMES}


def random(rng: np.random.Generator) -> dict[str, float]:
    """Yield a face that nobody is hurt by: a few blendshapes, the same on both sides, and a turned head."""
    values = dict.fromkeys(NAMES, 0.0)
    for name in rng.choice([name for name in ARKIT_NAMES if not name.endswith(("Left", "Right"))], 2, replace=False):
        values[name] = float(rng.uniform(0, 0.5))
    for name in rng.choice([name for name in ARKIT_NAMES if name.endswith("Left")], 3, replace=False):
        values[name] = values[name.removesuffix("Left") + "Right"] = float(rng.uniform(0, 0.8))
    values |= {name: float(rng.uniform(-0.4, 0.4) * bound) for name, (bound, _) in POSE.items()}
    return {name: round(value, 2) for name, value in values.items()}


def bounds(name: str) -> tuple[float, float]:
    """Smallest and largest value of a slider."""
    if name in POSE:
        return -POSE[name][0], POSE[name][0]
    return (-1.0, 1.0) if name in GAZE else (LOW, HIGH)


def _row(key: Mapping[str, float]) -> list[float]:
    weights = blendshapes(key)
    return [float(key.get(name, 0.0)) for name in POSE] + [weights.get(name, 0.0) for name in ARKIT_NAMES]
