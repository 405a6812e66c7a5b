"""Motion files: safetensors with a versioned header. Reading one runs no code of it."""

from __future__ import annotations

import json
import math
import os
from dataclasses import fields
from pathlib import Path

import numpy as np

from ..errors import FileFormatError
from ..media.files import atomic_output, readable_file
from ..types import FlameCodes, Motion

SUFFIX = ".safetensors"
_FORMAT = "gagavatar.motion"
_VERSION = 1
_LARGEST_HEADER = 1 << 20
_ROTATION_TOLERANCE = 1e-2
_FLOAT = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
_TENSORS: dict[str, tuple[str, tuple[int | str, ...]]] = {
    "rotation": ("F32", ("T", 3, 3)),
    "translation": ("F32", ("T", 3)),
    "scale": ("F32", ("T",)),
    "neutral": ("F32", (478, 3)),
    "deltas": ("F16", ("T", 478, 3)),
    "arkit": ("F32", ("T", 52)),
    "gaze": ("F32", ("T", 2, 2)),
    "confidence": ("F32", ("T",)),
}
_FLAME: dict[str, tuple[str, tuple[int | str, ...]]] = {
    "flame.shape": ("F32", ("T or none", 300)),
    "flame.expression": ("F32", ("T", 100)),
    "flame.jaw": ("F32", ("T", 3)),
    "flame.eyes": ("F32", ("T", 6)),
    "flame.transform": ("F32", ("T", 3, 4)),
}


def save_motion(motion: Motion, path: str | os.PathLike[str]) -> None:
    """Writes a motion to a file that appears whole or not at all.

    Raises:
        FileFormatError: an array of the motion has another shape than `Motion` says, or impossible values.
        MediaError: the file cannot be written.
    """
    from safetensors.numpy import save_file

    tensors = {name: np.asarray(getattr(motion, name)) for name in _TENSORS}
    metadata = {"format": _FORMAT, "version": str(_VERSION), "fps": repr(float(motion.fps)), "source": motion.source}
    metadata["extra"] = json.dumps(motion.extra)
    if motion.flame is not None:
        metadata["flame_edition"] = motion.flame.edition
        for field in fields(FlameCodes):
            if field.name != "edition":
                tensors[f"flame.{field.name}"] = np.asarray(getattr(motion.flame, field.name))
    kinds = _TENSORS | (_FLAME if motion.flame is not None else {})
    typed = {n: np.ascontiguousarray(t, _FLOAT[kinds[n][0]]) for n, t in tensors.items()}
    _check_tensors(path, {n: t.shape for n, t in typed.items()}, kinds)
    _check_values(path, typed)
    with atomic_output(path) as temporary:
        save_file(typed, temporary, metadata)


def is_motion_file(path: str | os.PathLike[str]) -> bool:
    """Whether the file's header says that it holds a motion; of any version, and whole or not."""
    try:
        return _metadata(_header(Path(path))[0]).get("format") == _FORMAT
    except (OSError, FileFormatError):
        return False


def load_motion(path: str | os.PathLike[str]) -> Motion:
    """Reads a motion file.

    Raises:
        FileFormatError: it is not a motion file, is from a newer version, is cut off, or its tensors are not as they
            should be; the line names the tensor.
        MediaError: the file does not exist or cannot be read.
    """
    file = readable_file(path)
    header, start = _header(file)
    metadata = _metadata(header)
    if metadata.get("format") != _FORMAT:
        raise FileFormatError(f"{file} is not a motion file: make one with 'gagavatar track'")
    _check_version(file, metadata)
    kinds = _TENSORS | (_FLAME if "flame_edition" in metadata else {})
    tensors = _read_tensors(file, header, start, kinds)
    flame = None
    if "flame_edition" in metadata:
        codes = {name.removeprefix("flame."): tensors.pop(name) for name in _FLAME}
        flame = FlameCodes(edition=metadata["flame_edition"], **codes)
    return Motion(
        fps=_fps(file, metadata),
        flame=flame,
        source=metadata.get("source", ""),
        extra=_extra(file, metadata),
        **tensors,
    )


def _header(file: Path) -> tuple[dict[str, object], int]:
    """The header of a safetensors file, and where its data begin: 8 bytes of length, then JSON."""
    unknown = FileFormatError(f"{file} is not a motion file: make one with 'gagavatar track'")
    with open(file, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= _LARGEST_HEADER:
            raise unknown
        raw = stream.read(length)
    if raw[:1] != b"{":
        raise unknown
    if len(raw) < length:
        raise _cut_off(file)
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError):
        raise unknown from None
    return header, 8 + length


def _metadata(header: dict[str, object]) -> dict[str, str]:
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict):
        return {}
    return {str(key): value for key, value in metadata.items() if isinstance(value, str)}


def _check_version(file: Path, metadata: dict[str, str]) -> None:
    try:
        version = int(metadata.get("version", ""))
    except ValueError:
        raise _damaged(file, "its version is not a number") from None
    if version > _VERSION:
        raise FileFormatError(
            f"{file} is a motion file of version {version}, and this program reads versions up to {_VERSION}: update it"
        )
    if version < 1:
        raise _damaged(file, f"its version is {version}")


def _read_tensors(file: Path, header: dict[str, object], start: int, kinds: dict) -> dict[str, np.ndarray]:
    """The expected tensors. Only their own bytes are read, and only once shapes, types and offsets are found right."""
    entries = {name: header.get(name) for name in kinds}
    for name, entry in entries.items():
        _check_entry(file, name, entry, kinds[name][0])
    _check_tensors(file, {name: tuple(entry["shape"]) for name, entry in entries.items()}, kinds)
    size = file.stat().st_size - start
    tensors = {}
    with open(file, "rb") as stream:
        for name, entry in entries.items():
            dtype, (begin, end) = _FLOAT[entry["dtype"]], entry["data_offsets"]
            count = math.prod(entry["shape"])
            if begin < 0 or end - begin != count * dtype.itemsize:
                raise _damaged(file, f"the bytes of tensor '{name}' do not fit its shape {entry['shape']}")
            if end > size:
                raise _cut_off(file)
            stream.seek(start + begin)
            data = bytearray(stream.read(end - begin))
            tensors[name] = np.frombuffer(data, dtype).reshape(entry["shape"])
    _check_values(file, tensors)
    return tensors


def _check_entry(file: Path, name: str, entry: object, dtype: str) -> None:
    if entry is None:
        raise _damaged(file, f"it has no tensor '{name}'")
    shape, offsets = (entry.get("shape"), entry.get("data_offsets")) if isinstance(entry, dict) else (None, None)
    if not (_whole_numbers(shape) and _whole_numbers(offsets) and len(offsets) == 2):
        raise _damaged(file, f"tensor '{name}' is badly described")
    if entry.get("dtype") != dtype:
        raise _damaged(file, f"tensor '{name}' should be {dtype}, but is {entry.get('dtype')}")


def _whole_numbers(values: object) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 1 << 48 for v in values)


def _check_tensors(file: object, shapes: dict[str, tuple[int, ...]], kinds: dict) -> None:
    frames = shapes["rotation"][:1]
    if frames in ((), (0,)):
        raise _damaged(file, "it has no frames")
    for name, shape in shapes.items():
        wanted = tuple(frames[0] if n == "T" else n for n in kinds[name][1])
        choices = [wanted] if wanted[0] != "T or none" else [wanted[1:], (*frames, *wanted[1:])]
        if shape not in choices:
            expected = " or ".join(map(str, choices))
            raise _damaged(file, f"tensor '{name}' should have shape {expected}, but has {shape}")


def _check_values(file: object, tensors: dict[str, np.ndarray]) -> None:
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            bad = int(np.argwhere(~np.isfinite(tensor))[0][0])
            raise _damaged(file, f"tensor '{name}' holds NaN or infinity, first in row {bad}")
    turns = tensors["rotation"].astype(np.float64)
    error = np.abs(turns @ turns.swapaxes(1, 2) - np.eye(3)).max((1, 2))
    wrong = np.flatnonzero((error > _ROTATION_TOLERANCE) | (np.linalg.det(turns) < 0))
    if len(wrong):
        raise _damaged(file, f"tensor 'rotation' holds matrices that are no rotations, first in row {wrong[0]}")
    if (tensors["scale"] <= 0).any():
        raise _damaged(file, f"tensor 'scale' must be above 0, but row {int(np.argmax(tensors['scale'] <= 0))} is not")


def _fps(file: Path, metadata: dict[str, str]) -> float:
    try:
        fps = float(metadata.get("fps", ""))
    except ValueError:
        fps = math.nan
    if not (math.isfinite(fps) and fps > 0):
        raise _damaged(file, f"its frames per second are '{metadata.get('fps', '')[:20]}'")
    return fps


def _extra(file: Path, metadata: dict[str, str]) -> dict[str, str]:
    try:
        extra = json.loads(metadata.get("extra", "{}"))
    except (ValueError, RecursionError):
        raise _damaged(file, "its notes are not JSON") from None
    if not (isinstance(extra, dict) and all(isinstance(value, str) for value in extra.values())):
        raise _damaged(file, "its notes are not text")
    return extra


def _damaged(file: object, why: str) -> FileFormatError:
    return FileFormatError(f"{file} is not a sound motion file: {why}. Make it anew with 'gagavatar track'")


def _cut_off(file: Path) -> FileFormatError:
    return FileFormatError(f"{file} is cut off: copy or download it again")
