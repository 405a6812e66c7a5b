"""Ten sliders that stand for many: macros of an expression, and whole expressions made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..types import ARKIT_NAMES
from .visemes import VISEMES

ANGLES = ("yaw", "pitch", "roll")
LEAST_WEIGHT, MOST_WEIGHT = -1.0, 1.5
"""Of an ARKit weight: what sliders add up to stays within."""
_SURE = 2.2
"""Times the weights of a viseme in speech, where lips only hint at it: the slider's end shows it plainly."""


@dataclass(frozen=True)
class Macro:
    """A slider: at 0 the face is at rest."""

    label: str
    hint: str
    low: float
    high: float
    above: Mapping[str, float] = field(default_factory=dict)
    """ARKit name, or name without Left and Right for both -> its weight where the slider is at 1."""
    below: Mapping[str, float] = field(default_factory=dict)
    """The same, where the slider is at -1."""
    angle: str | None = None
    """"yaw" or "pitch" where the slider turns the head; it then counts degrees."""


def _viseme(name: str) -> dict[str, float]:
    return {shape: round(min(1.0, _SURE * weight), 3) for shape, weight in VISEMES[name].items()}


MACROS: dict[str, Macro] = {
    "blink": Macro("Blink", "Shuts the eyes; below 0 opens them wide.", -1, 1, {"eyeBlink": 1}, {"eyeWide": 1}),
    "smile": Macro(
        "Smile", "Lifts the corners of the mouth and the cheeks; below 0 lets them hang.", -1, 1,
        {"mouthSmile": 0.8, "cheekSquint": 0.45, "eyeSquint": 0.3, "mouthUpperUp": 0.15},
        {"mouthFrown": 0.9, "mouthShrugLower": 0.35},
    ),
    "jaw": Macro("Jaw", "Opens the mouth.", 0, 1, {"jawOpen": 0.8}),
    "aaa": Macro("Aaa", "The mouth says aah.", 0, 1, _viseme("aa")),
    "eee": Macro("Eee", "The mouth says ee.", 0, 1, _viseme("ee")),
    "ooo": Macro("Ooo", "The mouth says oo.", 0, 1, _viseme("oo")),
    "brows": Macro(
        "Brows", "Lifts the brows; below 0 draws them down.", -1, 1, {"browInnerUp": 0.85, "browOuterUp": 0.85},
        {"browDown": 1},
    ),
    "gaze": Macro(
        "Gaze", "The eyes look to the image's right; below 0 to its left.", -1, 1,
        {"eyeLookOutLeft": 1, "eyeLookInRight": 1}, {"eyeLookInLeft": 1, "eyeLookOutRight": 1},
    ),
    "turn": Macro("Turn", "Turns the head to the image's right, degrees.", -60, 60, angle="yaw"),
    "nod": Macro("Nod", "Nods the head down, degrees.", -45, 45, angle="pitch"),
}  # fmt: skip
"""Name -> slider, in the order in which they are shown. Left and right in ARKit's names are the subject's."""

EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": {"smile": 0.9, "brows": 0.15, "jawOpen": 0.08},
    "laughing": {"smile": 1.0, "blink": 0.35, "jaw": 0.45, "nod": -6.0},
    "sad": {"smile": -0.75, "browInnerUp": 0.8, "blink": 0.2, "nod": 8.0, "eyeLookDownLeft": 0.3,
            "eyeLookDownRight": 0.3},
    "angry": {"brows": -1.0, "noseSneerLeft": 0.5, "noseSneerRight": 0.5, "mouthPressLeft": 0.5,
              "mouthPressRight": 0.5, "eyeSquintLeft": 0.4, "eyeSquintRight": 0.4, "nod": 5.0},
    "surprised": {"brows": 1.0, "blink": -0.8, "jaw": 0.4, "mouthFunnel": 0.2, "nod": -4.0},
    "afraid": {"browInnerUp": 1.0, "blink": -0.9, "jaw": 0.15, "mouthStretchLeft": 0.6, "mouthStretchRight": 0.6},
    "disgusted": {"noseSneerLeft": 0.9, "noseSneerRight": 0.9, "mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.4,
                  "brows": -0.5, "smile": -0.3, "turn": -6.0},
    "wink": {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.5, "mouthSmileLeft": 0.6, "mouthSmileRight": 0.25},
    "kiss": {"mouthPucker": 1.0, "mouthFunnel": 0.15, "blink": 0.5},
}  # fmt: skip
"""Name of an expression -> macros and ARKit weights that show it."""


def macro_weights(values: Mapping[str, float]) -> dict[str, float]:
    """Return the sum of what macros mean, as ARKit weights without those that are 0; other names are passed over."""
    total: dict[str, float] = {}
    for name, macro in MACROS.items():
        amount = float(values.get(name, 0.0))
        for shape, weight in (macro.above if amount > 0 else macro.below).items():
            for side in _sides(shape):
                total[side] = total.get(side, 0.0) + abs(amount) * weight
    return {name: weight for name, weight in total.items() if weight}


def spread(values: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Return what sliders of every kind mean: ARKit weights, and degrees of `ANGLES`; other names are passed over."""
    weights = {name: float(value) for name, value in values.items() if name in ARKIT_NAMES}
    for name, value in macro_weights(values).items():
        weights[name] = weights.get(name, 0.0) + value
    angles = {name: float(values.get(name, 0.0)) for name in ANGLES}
    for name, degrees in macro_angles(values).items():
        angles[name] += degrees
    return {name: min(max(weight, LEAST_WEIGHT), MOST_WEIGHT) for name, weight in weights.items()}, angles


def macro_angles(values: Mapping[str, float]) -> dict[str, float]:
    """Return degrees by "yaw" and "pitch" that macros turn the head by."""
    return {macro.angle: float(values.get(name, 0.0)) for name, macro in MACROS.items() if macro.angle}


def _sides(shape: str) -> tuple[str, ...]:
    return (shape,) if shape in ARKIT_NAMES else (f"{shape}Left", f"{shape}Right")
