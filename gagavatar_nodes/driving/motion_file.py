"""Motion files."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..media.retiming import is_retimed
from ..media.timing import FPS_RANGE
from ..tensor_file import Kinds, TensorFormat, TensorReader
from ..types import FlameCodes, Motion
from . import curve_files

SUFFIX = ".safetensors"
SUFFIXES = (SUFFIX, *curve_files.EXTENSIONS)
"""Of all files that hold motions."""

_FORMAT = TensorFormat("gagavatar.motion", 1, "motion file", "gagavatar track")
_ROTATION_TOLERANCE = 1e-2
_TENSORS: Kinds = {
    "rotation": ("F32", ("T", 3, 3)),
    "translation": ("F32", ("T", 3)),
    "scale": ("F32", ("T",)),
    "neutral": ("F32", (478, 3)),
    "deltas": ("F16", ("T", 478, 3)),
    "arkit": ("F32", ("T", 52)),
    "gaze": ("F32", ("T", 2, 2)),
    "confidence": ("F32", ("T",)),
}
_FLAME: Kinds = {
    "flame.shape": ("F32", ("T?", 300)),
    "flame.expression": ("F32", ("T", 100)),
    "flame.jaw": ("F32", ("T", 3)),
    "flame.eyes": ("F32", ("T", 6)),
    "flame.transform": ("F32", ("T", 3, 4)),
}
_ADDED: Kinds = {"flame.added": ("F32", ("T", 52))}
"""Where there is something added to the codes."""
_TIMES: Kinds = {"times": ("F32", ("T",))}
"""Where the frames are others than the source's first ones."""
_SWITCHES = ("placed", "steady_forehead")
"""Those of `FlameCodes`, kept as notes; files from before them have the defaults."""
_BESIDE: Kinds = {"boxes": ("F32", ("T", 4)), "frames": ("I32", ("T",))}
"""Of the crops of training data: head boxes in them, 0..1, and numbers of the frames that they were cut from."""


def save_motion(motion: Motion, path: str | os.PathLike[str], beside: Mapping[str, np.ndarray] | None = None) -> None:
    """Write a motion to a file that appears whole or not at all; to .csv or .json as curves, see `curve_files`.

    `beside` are arrays for `load_beside`, each with a row for every frame: boxes [T, 4], frames [T].

    Raises:
        FileFormatError: an array of the motion has another shape than `Motion` says, or impossible values.
        MediaError: the file cannot be written.
    """
    if Path(path).suffix.lower() in curve_files.EXTENSIONS:
        curve_files.write_curves(motion, path)
        return
    tensors = {name: np.asarray(getattr(motion, name)) for name in _TENSORS}
    notes = {"fps": repr(float(motion.fps)), "source": motion.source, "extra": json.dumps(motion.extra)}
    kinds = dict(_TENSORS)
    if motion.flame is not None:
        notes["flame_edition"] = motion.flame.edition
        notes |= {f"flame_{name}": "yes" if getattr(motion.flame, name) else "no" for name in _SWITCHES}
        codes = _FLAME if motion.flame.added is None else {**_FLAME, **_ADDED}
        kinds |= codes
        tensors |= {name: np.asarray(getattr(motion.flame, name.removeprefix("flame."))) for name in codes}
    if motion.times is not None and is_retimed(motion.times, motion.fps):
        kinds |= _TIMES
        tensors["times"] = motion.times
    _check_values(path, tensors)
    if not FPS_RANGE[0] <= motion.fps <= FPS_RANGE[1]:
        raise _FORMAT.damaged(path, f"its frames per second are {motion.fps}")
    for name, values in (beside or {}).items():
        kinds[name], tensors[name] = _BESIDE[name], values
    _FORMAT.save(path, tensors, kinds, notes)


def is_motion_file(path: str | os.PathLike[str]) -> bool:
    """Whether the file's beginning says that it holds a motion; of any version, and whole or not."""
    return curve_files.is_curve_file(path) or _FORMAT.recognizes(path)


def load_motion(path: str | os.PathLike[str]) -> Motion:
    """Read a motion file, or curves of ARKit weights, see `curve_files`.

    Raises:
        FileFormatError: it is not a motion file, is from a newer version, is cut off, or its tensors are not as they
            should be; the line names the tensor.
        MediaError: the file does not exist or cannot be read.
    """
    if Path(path).suffix.lower() in curve_files.EXTENSIONS:
        return curve_files.read_curves(path)
    reader = _FORMAT.open(path)
    kinds: Kinds = {}
    if "flame_edition" in reader.notes:
        kinds = {**_FLAME, **{name: kind for name, kind in _ADDED.items() if name in reader.header}}
    times = {name: kind for name, kind in _TIMES.items() if name in reader.header}
    tensors = reader.tensors({**_TENSORS, **times, **kinds})
    _check_values(reader.file, tensors)
    flame = None
    if kinds:
        codes: dict[str, Any] = {name.removeprefix("flame."): tensors.pop(name) for name in kinds}
        codes |= {name: reader.notes[f"flame_{name}"] == "yes" for name in _SWITCHES if f"flame_{name}" in reader.notes}
        flame = FlameCodes(edition=reader.notes["flame_edition"], **codes)
    return Motion(fps=_fps(reader), flame=flame, source=reader.notes.get("source", ""), extra=_extra(reader), **tensors)


def load_beside(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Return the arrays that `save_motion` put beside a motion: boxes [T, 4] float32 and frames [T] int32.

    Raises:
        FileFormatError: as for `load_motion`, or the file has none.
        MediaError: the file does not exist or cannot be read.
    """
    return _FORMAT.open(path).tensors(_BESIDE)


def _check_values(file: object, tensors: dict[str, np.ndarray]) -> None:
    turns = tensors["rotation"].astype(np.float64)
    if turns.shape[1:] == (3, 3):
        error = np.abs(turns @ turns.swapaxes(1, 2) - np.eye(3)).max((1, 2))
        wrong = np.flatnonzero((error > _ROTATION_TOLERANCE) | (np.linalg.det(turns) < 0))
        if len(wrong):
            raise _FORMAT.damaged(
                file, f"tensor 'rotation' holds matrices that are no rotations, first in row {wrong[0]}"
            )
    scale = tensors["scale"]
    if (scale <= 0).any():
        raise _FORMAT.damaged(file, f"tensor 'scale' must be above 0, but row {int(np.argmax(scale <= 0))} is not")


def _fps(reader: TensorReader) -> float:
    try:
        fps = float(reader.notes.get("fps", ""))
    except ValueError:
        fps = math.nan
    if not FPS_RANGE[0] <= fps <= FPS_RANGE[1]:
        raise reader.damaged(f"its frames per second are '{reader.notes.get('fps', '')[:20]}'")
    return fps


def _extra(reader: TensorReader) -> dict[str, str]:
    try:
        extra = json.loads(reader.notes.get("extra", "{}"))
    except (ValueError, RecursionError):
        raise reader.damaged("its notes are not JSON") from None
    if not (isinstance(extra, dict) and all(isinstance(value, str) for value in extra.values())):
        raise reader.damaged("its notes are not text")
    return extra
