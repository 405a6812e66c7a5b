"""Motions as curves of ARKit weights: the CSV of Live Link Face, and JSON as Audio2Face writes it.

What such files say of a face is 52 weights and the rotations of head and eyes: a motion read from one plays on the
bundled face, and one written to it loses its landmarks.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileFormatError
from ..face.arkit import gaze_of
from ..face.pose import yaw_pitch_roll
from ..media.files import atomic_output, readable_file
from ..media.timing import FPS_RANGE
from ..types import ARKIT_NAMES, Motion
from .performing import perform_weights

EXTENSIONS = (".csv", ".json")
ORDER = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthRight", "mouthLeft", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp",
    "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip
"""Of Live Link Face's columns."""
TURNS = (
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch",
    "RightEyeRoll",
)  # fmt: skip
"""Columns after the weights, radians: about y, x and z of ARKit's face, which are those of canonical space."""

_LARGEST = 256 << 20
_MOST_FRAMES = 1_000_000
_RATES = (24, 25, 30, 48, 50, 60, 90, 100, 120, 240)
_UNSTEADY = 0.5  # of a frame's length: more, and the frames are put on an even clock
_SNAP = 2e-4  # of a rate: nearer ones are the usual rate
_BALL = 0.62  # radius of an eyeball in eye widths
_SNIFFED = 4096
_LOOKS = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith("eyeLook")]


def is_curve_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name and beginning say that it holds curves of ARKit weights."""
    file = Path(path)
    if file.suffix.lower() not in EXTENSIONS or not file.is_file():
        return False
    with open(file, "rb") as stream:
        start = stream.read(_SNIFFED).lower()
    return b"jawopen" in start if file.suffix.lower() == ".csv" else b"facsnames" in start


def read_curves(path: str | os.PathLike[str]) -> Motion:
    """Read a CSV of Live Link Face, or a JSON with `facsNames` and `weightMat`.

    Raises:
        FileFormatError: it is none, has no ARKit curve, no frame, or values that are no numbers.
        MediaError: the file does not exist or cannot be read.
    """
    file = readable_file(path)
    if file.stat().st_size > _LARGEST:
        raise FileFormatError(f"{file} is too large for curves of a face: {_LARGEST >> 20} MB are the most")
    text = file.read_bytes().decode("utf-8-sig", "replace")
    return _read_csv(file, text) if file.suffix.lower() == ".csv" else _read_json(file, text)


def write_curves(motion: Motion, path: str | os.PathLike[str]) -> None:
    """Write a motion's ARKit weights and the rotations of head and eyes, with timecodes that begin at 0.

    Raises:
        FileFormatError: the extension is neither .csv nor .json.
        MediaError: the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in EXTENSIONS:
        raise FileFormatError(f"{path}: curves are written as {' or '.join(EXTENSIONS)}")
    weights = motion.arkit[:, [ARKIT_NAMES.index(name) for name in ORDER]]
    turns = np.concatenate([yaw_pitch_roll(motion.rotation), _eye_turns(motion)], axis=1)
    text = (_csv_text if suffix == ".csv" else _json_text)(motion, weights, turns)
    with atomic_output(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def timecode(seconds: float, rate: int) -> str:
    """Return HH:MM:SS:FF.mmm, frames and thousandths of one at `rate` frames a second."""
    whole, frames = divmod(round(seconds * rate * 1000), rate * 1000)
    frame, part = divmod(frames, 1000)
    return f"{whole // 3600 % 24:02}:{whole // 60 % 60:02}:{whole % 60:02}:{frame:02}.{part:03}"


def _csv_text(motion: Motion, weights: np.ndarray, turns: np.ndarray) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in ORDER), *TURNS])
    for code, row in zip(_timecodes(motion), np.concatenate([weights, turns], axis=1), strict=True):
        writer.writerow([code, len(row), *(f"{value:.6f}" for value in row)])
    return out.getvalue()


def _json_text(motion: Motion, weights: np.ndarray, turns: np.ndarray) -> str:
    rounded = lambda values: [[round(float(v), 6) for v in row] for row in values]  # noqa: E731
    return json.dumps(
        {
            "exportFps": motion.fps,
            "facsNames": list(ORDER),
            "numPoses": len(ORDER),
            "numFrames": len(motion),
            "weightMat": rounded(weights),
            "timecodes": _timecodes(motion),
            "turnNames": list(TURNS),
            "turnMat": rounded(turns),
            "source": motion.source,
        }
    )


def _timecodes(motion: Motion) -> list[str]:
    rate = max(1, round(motion.fps))
    return [timecode(index / motion.fps, rate) for index in range(len(motion))]


def _eye_turns(motion: Motion) -> np.ndarray:
    """[T, 6] yaw, pitch and roll of the subject's left and right eye, from the irises' places."""
    change = motion.gaze.astype(np.float64) - gaze_of(motion.neutral.astype(np.float64))
    angle = np.arcsin(np.clip(change / _BALL, -1, 1))[:, ::-1]  # the image's left eye is the subject's right one
    turns = np.stack([angle[..., 0], -angle[..., 1], np.zeros(angle.shape[:2])], axis=-1)
    return turns.reshape(len(motion), 6)


def _read_csv(file: Path, text: str) -> Motion:
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if not rows:
        raise FileFormatError(f"{file} is no file of curves: it has no first line with the names of the columns")
    names = [name.strip().lower() for name in rows[0]]
    whole = [(line, row) for line, row in enumerate(rows[1:], start=2) if len(row) >= len(names)]
    if len(whole) > _MOST_FRAMES:
        raise FileFormatError(f"{file} has {len(whole)} frames: {_MOST_FRAMES} are the most")
    known = {name: k for k, name in enumerate(names)}
    columns = {name: known[name.lower()] for name in (*ARKIT_NAMES, *TURNS) if name.lower() in known}
    values = {name: np.array([_number(file, line, row[k]) for line, row in whole]) for name, k in columns.items()}
    codes = [row[known["timecode"]] for _, row in whole] if "timecode" in known else None
    return _motion(file, values, len(whole), None, codes)


def _read_json(file: Path, text: str) -> Motion:
    try:
        document = json.loads(text)
        names, matrix = document["facsNames"], np.array(document["weightMat"], np.float64)
        fps = float(document.get("exportFps") or 0)
        turn_names, turns = document.get("turnNames", []), np.array(document.get("turnMat", []), np.float64)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise FileFormatError(f"{file} is no JSON of ARKit curves: it needs 'facsNames' and 'weightMat'") from None
    values: dict[str, np.ndarray] = {}
    for listed, rows in ((names, matrix), (turn_names, turns)):
        if not _strings(listed) or (listed and rows.shape != (len(matrix), len(listed))):
            raise FileFormatError(f"{file}: its matrices do not have a row a frame and a column a name")
        folded = {name.lower(): k for k, name in enumerate(listed)}
        wanted = [name for name in (*ARKIT_NAMES, *TURNS) if name.lower() in folded]
        values |= {name: rows[:, folded[name.lower()]] for name in wanted}
    return _motion(file, values, len(matrix), fps if fps > 0 else None, document.get("timecodes"))


def _motion(file: Path, values: Mapping[str, np.ndarray], count: int, fps: float | None, codes: Any) -> Motion:
    if not any(name in values for name in ARKIT_NAMES):
        raise FileFormatError(f"{file} has none of ARKit's curves, such as JawOpen: save the take of a face")
    if count == 0:
        raise FileFormatError(f"{file} has no frame: record or track it again")
    bad = next((name for name, column in values.items() if not np.isfinite(column).all()), None)
    if bad:
        raise FileFormatError(
            f"{file}: curve {bad} holds a value that is no number: mend it there, or take the curve out"
        )
    times = _times(codes, count) if fps is None else np.arange(count) / fps
    rate = float(fps or _rate(times))
    frames = round((times[-1] - times[0]) * rate) + 1
    if not FPS_RANGE[0] <= rate <= FPS_RANGE[1] or frames > _MOST_FRAMES:
        raise FileFormatError(f"{file}: its frames lie {times[-1] - times[0]:g} seconds apart, {rate:g} a second")
    clock = np.arange(frames) / rate + times[0]
    even = frames == count and np.abs(clock - times).max() * rate < _UNSTEADY
    curves = dict(values) if even else {name: np.interp(clock, times, column) for name, column in values.items()}
    zero = np.zeros(frames)
    weights = np.stack([curves.get(name, zero) for name in ARKIT_NAMES], axis=1).clip(0, 1).astype(np.float32)
    yaw, pitch, roll = (curves.get(name, zero) for name in TURNS[:3])
    motion = replace(
        perform_weights(weights, _rotation(yaw, pitch, roll), np.zeros((frames, 3)), rate), source=file.name
    )
    return motion if weights[:, _LOOKS].any() else replace(motion, gaze=motion.gaze + _gaze(curves, zero))


def _gaze(curves: Mapping[str, np.ndarray], zero: np.ndarray) -> np.ndarray:
    """[T, 2, 2] change of the irises' places by the eyes' rotations: where no weight says where they look."""
    change = np.stack(
        [
            [np.sin(curves.get(f"{side}EyeYaw", zero)), -np.sin(curves.get(f"{side}EyePitch", zero))]
            for side in ("Right", "Left")
        ]
    )
    return (_BALL * change.transpose(2, 0, 1)).astype(np.float32)


def _rotation(yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """[T, 3, 3] Ry(yaw) Rx(pitch) Rz(roll), which `yaw_pitch_roll` undoes."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("YXZ", np.stack([yaw, pitch, roll], axis=1)).as_matrix()


def _times(codes: Any, count: int) -> np.ndarray:
    """Seconds [T] of timecodes; at 60 a second, as the app records, where there are none to be read."""
    parts = [_parts(code) for code in codes] if _strings(codes) and len(codes) == count else []
    if not parts or any(part is None for part in parts):
        return np.arange(count) / 60.0
    whole, frames = np.array(parts, np.float64).T
    base = next((rate for rate in _RATES if rate > frames.max()), int(frames.max()) + 1)
    if whole[-1] == whole[0]:
        base = max(base, 60)
    times = whole + frames / base
    times += 86400.0 * np.cumsum(np.diff(times, prepend=times[0]) < -43200)  # past midnight
    return times if (np.diff(times) > 0).all() else np.arange(count) / base


def _parts(code: str) -> tuple[float, float] | None:
    """Whole seconds, and frames with a fraction, of HH:MM:SS:FF.fff."""
    fields = code.strip().replace(";", ":").split(":")
    try:
        hours, minutes, seconds, frames = (float(field) for field in fields)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds, frames


def _rate(times: np.ndarray) -> float:
    if len(times) < 2:
        return 60.0
    length = times[-1] - times[0]
    rate = float(round(length / np.median(np.diff(times))) / length)  # frames that were dropped count too
    near = min(_RATES, key=lambda known: abs(known - rate))
    return float(near) if abs(near - rate) < _SNAP * near else rate


def _number(file: Path, line: int, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise FileFormatError(f"{file}, line {line}: '{text[:20]}' is no number") from None


def _strings(values: Any) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str) and all(isinstance(v, str) for v in values)
