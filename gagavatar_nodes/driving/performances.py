"""The built-in motions as key frames: what the head, the eyes and the face do, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from .visemes import VISEMES

Keys: TypeAlias = tuple[tuple[float, ...], ...]
"""Rows of (second, value, ...), in order of time; the last runs into the first."""


@dataclass(frozen=True)
class Performance:
    """A motion that ends where it begins."""

    seconds: float
    head: Keys = ((0.0, 0.0, 0.0, 0.0),)
    """(second, yaw, pitch, roll) degrees, see `yaw_pitch_roll`."""
    shift: Keys = ((0.0, 0.0, 0.0, 0.0),)
    """(second, x, y, z) centimeters, see `Motion.translation`."""
    gaze: Keys = ((0.0, 0.0, 0.0),)
    """(second, x, y) -1..1 of the eyes' reach, x to the image's right, y up."""
    blinks: tuple[float, ...] = ()
    """Seconds at which the lids are shut."""
    face: dict[str, Keys] = field(default_factory=dict)
    """ARKit name, or name without Left and Right for both -> (second, weight)."""


_NOD = Performance(
    seconds=3.0,
    head=(
        (0.15, 0, 0, 0), (0.5, 0, 11, 0.5), (0.9, 0.5, -2.5, 0), (1.25, 0.5, 9, -0.5), (1.6, 0, -1, 0),
        (1.9, 0, 4.5, 0), (2.35, 0, 0, 0),
    ),
    shift=((0.15, 0, 0, 0), (0.5, 0, -0.3, 0.4), (0.9, 0, 0.1, 0), (1.25, 0, -0.2, 0.3), (2.35, 0, 0, 0)),
    gaze=((0.15, 0, 0), (0.5, 0, 0.35), (0.9, 0, -0.05), (1.25, 0, 0.3), (1.6, 0, 0), (1.9, 0, 0.15), (2.35, 0, 0)),
    blinks=(0.45, 2.2),
    face={
        "mouthSmile": ((0.2, 0.08), (1.0, 0.25), (2.0, 0.25), (2.7, 0.08)),
        "browInnerUp": ((0.1, 0.0), (0.4, 0.15), (1.2, 0.08), (2.2, 0.0)),
    },
)  # fmt: skip

_SHAKE = Performance(
    seconds=3.0,
    head=(
        (0.15, 0, 0, 0), (0.5, -13, 1, -1), (0.95, 14, 1, 1), (1.4, -12, 1.5, -1), (1.8, 8, 1, 0.5), (2.3, 0, 0, 0),
    ),
    gaze=((0.15, 0, 0), (0.5, 0.4, 0), (0.95, -0.4, 0), (1.4, 0.35, 0), (1.8, -0.2, 0), (2.3, 0, 0)),
    blinks=(0.3, 2.3),
    face={
        "browDown": ((0.1, 0.0), (0.6, 0.3), (1.7, 0.25), (2.5, 0.0)),
        "mouthPress": ((0.2, 0.0), (0.7, 0.2), (1.6, 0.2), (2.4, 0.0)),
        "mouthFrown": ((0.2, 0.0), (0.7, 0.15), (1.7, 0.15), (2.5, 0.0)),
    },
)  # fmt: skip

_LOOK_AROUND = Performance(
    seconds=7.0,
    head=(
        (0.4, 0, 0, 0), (1.05, -22, 1, -2), (1.9, -23, 0, -2), (2.75, 21, -3, 2), (3.7, 22, -2, 2),
        (4.4, 4, -11, 0), (5.1, 2, -10, 0), (5.8, 0, 0, 0),
    ),
    gaze=(
        (0.3, 0, 0), (0.38, -0.75, 0), (0.7, -0.7, 0), (1.15, -0.25, 0), (1.9, -0.3, -0.05), (2.0, 0.7, 0.1),
        (2.4, 0.65, 0.1), (2.85, 0.25, 0.05), (3.6, 0.3, 0), (3.7, -0.2, 0.6), (4.4, 0, 0.35), (5.1, 0, 0.3),
        (5.2, 0, -0.35), (5.8, 0, 0),
    ),
    blinks=(0.45, 2.05, 3.75, 5.3),
    face={
        "browInnerUp": ((3.5, 0.0), (4.1, 0.45), (5.0, 0.35), (5.6, 0.0)),
        "browOuterUp": ((3.5, 0.0), (4.1, 0.3), (5.0, 0.25), (5.6, 0.0)),
        "mouthSmile": ((0.0, 0.0), (2.8, 0.12), (4.5, 0.05), (6.0, 0.0)),
    },
)  # fmt: skip

_BLINK = Performance(
    seconds=3.0,
    head=((0.0, 0, 0, 0), (0.6, 0, 0.6, 0), (1.5, 0.4, 0, 0), (2.2, 0, 0.5, 0)),
    blinks=(0.6, 1.8, 2.15),
)

_SMILE = Performance(
    seconds=4.0,
    head=((0.2, 0, 0, 0), (1.0, -2, -2, 2), (2.5, -2.5, -1.5, 2.5), (3.5, 0, 0, 0)),
    blinks=(0.35, 3.0),
    face={
        "mouthSmile": ((0.2, 0.0), (0.95, 0.7), (1.6, 0.78), (2.5, 0.7), (3.4, 0.0)),
        "cheekSquint": ((0.3, 0.0), (1.05, 0.45), (2.5, 0.4), (3.3, 0.0)),
        "eyeSquint": ((0.35, 0.0), (1.1, 0.4), (2.5, 0.35), (3.3, 0.0)),
        "mouthUpperUp": ((0.4, 0.0), (1.0, 0.22), (2.5, 0.2), (3.2, 0.0)),
        "jawOpen": ((0.4, 0.0), (1.0, 0.05), (2.5, 0.05), (3.2, 0.0)),
    },
)

_SURPRISE = Performance(
    seconds=4.0,
    head=((0.3, 0, 0, 0), (0.6, 1, -5, 1), (1.8, 1.5, -3.5, 1), (3.0, 0, 0, 0)),
    shift=((0.3, 0, 0, 0), (0.6, 0, 0.4, -1.2), (1.8, 0, 0.3, -0.8), (3.0, 0, 0, 0)),
    blinks=(0.25, 2.3),
    face={
        "browInnerUp": ((0.3, 0.0), (0.55, 0.85), (1.8, 0.7), (2.8, 0.0)),
        "browOuterUp": ((0.3, 0.0), (0.55, 0.9), (1.8, 0.75), (2.8, 0.0)),
        "eyeWide": ((0.3, 0.0), (0.52, 0.8), (1.7, 0.6), (2.5, 0.0)),
        "jawOpen": ((0.32, 0.0), (0.65, 0.34), (1.8, 0.26), (2.7, 0.0)),
        "mouthFunnel": ((0.32, 0.0), (0.65, 0.18), (1.8, 0.12), (2.6, 0.0)),
    },
)

_IDLE = Performance(
    seconds=8.0,
    head=((0.0, 0, 0, 0), (1.7, 1.2, 0.6, 0.4), (3.6, 0.4, -0.3, 0.6), (5.2, -1.4, 0.4, -0.3), (6.8, -0.6, 0.2, -0.5)),
    shift=((0.0, 0, 0, 0), (1.7, 0, 0.14, 0.05), (4.0, 0, 0, 0), (5.6, 0, 0.16, 0.05)),
    gaze=(
        (0.0, 0, 0), (0.9, 0.01, 0), (0.94, 0.07, -0.03), (2.3, 0.06, -0.02), (2.34, -0.02, 0.03), (3.9, -0.01, 0.02),
        (3.95, -0.1, -0.02), (4.7, -0.09, -0.02), (4.75, 0.03, 0), (6.1, 0.02, 0.01), (6.14, -0.04, 0.04),
        (7.4, -0.03, 0.03), (7.45, 0, 0),
    ),
    blinks=(1.3, 4.72, 7.42),
    face={
        "mouthSmile": ((0.0, 0.04), (2.5, 0.1), (5.0, 0.05)),
        "browInnerUp": ((1.0, 0.0), (2.1, 0.08), (3.4, 0.0), (6.0, 0.05)),
        "mouthPress": ((3.0, 0.0), (3.5, 0.12), (4.1, 0.0)),
        "jawOpen": ((0.0, 0.0), (1.6, 0.012), (4.0, 0.0), (5.6, 0.012)),
    },
)  # fmt: skip

_SPEECH = (
    "rest .25 / eh .1 tt .07 oh .2 rest .35 / ff .07 aa .1 tt .07 aa .09 ss .1 mm .08 ee .13 tt .09 ee .12 ff .08 "
    "aa .16 mm .12 rest .5 / aa .1 tt .06 eh .1 ch .1 oo .16 tt .06 aa .12 tt .08 oo .1 aa .12 oo .08 mm .09 "
    "eh .17 tt .08 rest .3 / ss .08 oh .12 oo .08 mm .09 aa .2 ee .08 ss .09 oo .18 rest .7"
)
"""Mouth shapes and how long each takes to reach the next; a slash opens a phrase."""


def _talk() -> Performance:
    keys: dict[str, list[tuple[float, float]]] = {name: [] for shape in VISEMES.values() for name in shape}
    head: list[tuple[float, ...]] = []
    phrases: list[float] = []
    now = 0.0
    words = _SPEECH.split()
    while words:
        word = words.pop(0)
        if word == "/":
            phrases.append(now)
            continue
        duration = float(words.pop(0))
        held = [now, now + duration - 0.12] if word == "rest" else [now]  # lips rest between phrases, then ready
        for name, track in keys.items():
            track.extend((second, VISEMES[word].get(name, 0.0)) for second in held)
        stressed = word in ("aa", "oh", "eh") and duration >= 0.16
        if word == "rest" or stressed:
            side = 1 - 2 * (len(head) % 2)
            head.append((now, 1.8 * side, 2.6 if stressed else -0.6, 0.8 * side))
        now += duration
    brows = [key for start in phrases for key in ((start - 0.2, 0.0), (start + 0.1, 0.3), (start + 0.6, 0.05))]
    glances = [key for i, start in enumerate(phrases) for key in ((start - 0.3, *_ASIDE[i % 3]), (start, 0.0, 0.0))]
    face: dict[str, Keys] = {name: tuple(track) for name, track in keys.items()}
    face["browInnerUp"] = tuple(brows)
    return Performance(
        seconds=now,
        head=tuple(head),
        gaze=tuple(glances),
        blinks=tuple(start - 0.3 for start in phrases[1:]),
        face=face,
    )


_ASIDE = ((0.0, 0.0), (0.18, -0.12), (-0.15, 0.1))
"""Where the eyes go between phrases."""

PERFORMANCES: dict[str, Performance] = {
    "idle": _IDLE,
    "nod": _NOD,
    "shake": _SHAKE,
    "look_around": _LOOK_AROUND,
    "blink": _BLINK,
    "talk": _talk(),
    "smile": _SMILE,
    "surprise": _SURPRISE,
}
