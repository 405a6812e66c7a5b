"""Sliders of a face: their groups, the motion that they mean, and key frames between which a motion moves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from ..driving.keyframes import interpolate
from ..driving.macros import ANGLES, MACROS, macro_angles, macro_weights
from ..errors import FileFormatError, GagavatarError
from ..nodes.expression import REGIONS
from ..types import ARKIT_NAMES, Motion

GROUPS = {region: [name for name in ARKIT_NAMES if name.startswith(start)] for region, start in REGIONS.items()}
"""Region of the face -> its blendshapes."""
NAMES = (*MACROS, "roll", "gazeY", *ARKIT_NAMES)
"""Every slider: the macros, what they leave out of pose and gaze, and the blendshapes."""
LABELS = {"roll": "Tilt (degrees)", "gazeY": "Look up and down"}
PAIRS = {
    left: right
    for left in ARKIT_NAMES
    if (right := left.removesuffix("Left") + "Right") in ARKIT_NAMES
    and left.endswith("Left")
    and left not in ("jawLeft", "mouthLeft", "eyeLookInLeft", "eyeLookOutLeft")
}
"""Blendshape of the left half of the face -> that of the right half, where both mean the same."""

_BOUNDS = {name: (macro.low, macro.high) for name, macro in MACROS.items()} | {"roll": (-45.0, 45.0), "gazeY": (-1, 1)}
_LOOKS = {False: ("eyeLookDownLeft", "eyeLookDownRight"), True: ("eyeLookUpLeft", "eyeLookUpRight")}
"""Blendshapes of a gaze down and up."""
_EARLIER = {"yaw": "turn", "pitch": "nod", "gazeX": "gaze"}
"""Names that sliders once had, in files that people keep."""
_MOST_KEYS, _LONGEST = 200, 60.0


def pose_face(values: Mapping[str, float]) -> Motion:
    """One frame with the sliders at `values`; those not named are at rest."""
    return interpolate_keys([values], 0.0, 25.0)


def blendshapes(values: Mapping[str, float]) -> dict[str, float]:
    """Return the ARKit weights of the sliders, macros and gaze included, at most 1, without those that are 0."""
    weights = macro_weights(values)
    up = float(values.get("gazeY", 0.0))
    for look in _LOOKS[up > 0]:
        weights[look] = weights.get(look, 0.0) + abs(up)
    for name in ARKIT_NAMES:
        weights[name] = weights.get(name, 0.0) + float(values.get(name, 0.0))
    return {name: min(1.0, weight) for name, weight in weights.items() if weight}


def node_inputs(values: Mapping[str, float]) -> dict[str, float]:
    """Return the inputs of the node Expression that mean the same."""
    return _angles(values) | blendshapes(values)


def link_halves(values: Mapping[str, float]) -> dict[str, float]:
    """Return the sliders with the right half of the face as the left one."""
    return {**values, **{right: values[left] for left, right in PAIRS.items() if left in values}}


def is_even(values: Mapping[str, float]) -> bool:
    """Whether both halves of the face do the same."""
    return all(values.get(left, 0.0) == values.get(right, 0.0) for left, right in PAIRS.items())


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
    times = np.linspace(0, (count - 1) / fps, len(keys))
    return interpolate(times, np.array([_row(key) for key in keys]), count, fps)


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
        values = {_EARLIER.get(name, str(name)): float(value) for name, value in given.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FileFormatError('This is no expression: paste JSON such as {"smile": 0.4, "turn": 10}') from error
    unknown = [name for name in values if name not in NAMES]
    if unknown:
        raise FileFormatError(
            f"There is no slider '{unknown[0]}': names are {', '.join(MACROS)}, roll, gazeY and those of ARKit"
        )
    return {name: float(np.clip(np.nan_to_num(values.get(name, 0.0)), *bounds(name))) for name in NAMES}


def random(rng: np.random.Generator) -> dict[str, float]:
    """Yield a face that nobody is hurt by: some macros and blendshapes, the same on both sides, and a turned head."""
    values = dict.fromkeys(NAMES, 0.0)
    for name in rng.choice(["blink", "smile", "jaw", "aaa", "eee", "ooo", "brows", "gaze"], 3, replace=False):
        values[name] = float(rng.uniform(0.3 * bounds(name)[0], 0.7))
    for name in rng.choice(list(PAIRS), 2, replace=False):
        values[name] = values[PAIRS[name]] = float(rng.uniform(0, 0.6))
    for name in ("turn", "nod", "roll"):
        values[name] = float(rng.uniform(-0.4, 0.4) * bounds(name)[1])
    return {name: round(value, 2) for name, value in values.items()}


def bounds(name: str) -> tuple[float, float]:
    """Smallest and largest value of a slider."""
    return _BOUNDS.get(name, (0.0, 1.0))


def _angles(key: Mapping[str, float]) -> dict[str, float]:
    return macro_angles(key) | {"roll": float(key.get("roll", 0.0))}


def _row(key: Mapping[str, float]) -> list[float]:
    angles, weights = _angles(key), blendshapes(key)
    return [angles[name] for name in ANGLES] + [weights.get(name, 0.0) for name in ARKIT_NAMES]
