"""Safetensors files with a versioned header: every array's shape and type is known before a byte of it is read.

Reading one runs no code of it and allocates no more than the file holds.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import FileFormatError, GagavatarError
from .media.files import atomic_output, readable_file

Shape = tuple[int | str, ...]
Kinds = Mapping[str, tuple[str, Shape]]
"""Name of a tensor -> its type and shape. A letter in a shape is any size, the same wherever it stands; one with a
question mark is a dimension that may be missing."""

_LARGEST_HEADER = 1 << 20
_TYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "F64": np.dtype("<f8"),
    "I32": np.dtype("<i4"),
}


@dataclass(frozen=True)
class TensorFormat:
    """One kind of file."""

    name: str
    """In the header, such as "gagavatar.motion"."""
    version: int
    """The newest that this program reads, and the one it writes."""
    noun: str
    """What users call it, such as "motion file"."""
    command: str
    """What makes one, such as "gagavatar track"."""

    def save(self, path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], kinds: Kinds, notes: dict) -> None:
        """Write a file that appears whole or not at all; `notes` are texts for the header.

        Raises:
            FileFormatError: an array has not the shape of `kinds`, or holds NaN or infinity.
            MediaError: the file cannot be written.
        """
        from safetensors.numpy import save

        typed = {name: np.ascontiguousarray(tensors[name], _TYPES[kind]) for name, (kind, _) in kinds.items()}
        self._check_shapes(path, {name: tensor.shape for name, tensor in typed.items()}, kinds)
        self._check_finite(path, typed)
        with atomic_output(path) as temporary:
            # Written by Python, whose errors say that the disk is full; the library's own do not.
            texts = {key: _as_text(value) for key, value in notes.items()}
            content = save(typed, {"format": self.name, "version": str(self.version), **texts})
            temporary.write_bytes(_with_sorted_notes(content))

    def recognizes(self, path: str | os.PathLike[str]) -> bool:
        """Whether the file's header says that it is of this kind; of any version, and whole or not."""
        try:
            return _notes(self._header(readable_file(path))[0]).get("format") == self.name
        except (OSError, GagavatarError):
            return False

    def open(self, path: str | os.PathLike[str]) -> TensorReader:
        """Return the file's header, checked.

        Raises:
            FileFormatError: it is of another kind, from a newer version, or cut off.
            MediaError: the file does not exist or cannot be read.
        """
        file = readable_file(path)
        header, start = self._header(file)
        notes = _notes(header)
        if notes.get("format") != self.name:
            raise self._unknown(file)
        self._check_version(file, notes)
        return TensorReader(self, file, header, start, notes)

    def damaged(self, file: object, why: str) -> FileFormatError:
        """Return the error of a file that breaks this format's rules."""
        return FileFormatError(f"{file} is not a sound {self.noun}: {why}. Make it anew with '{self.command}'")

    def cut_off(self, file: object) -> FileFormatError:
        """Return the error of a file that ends too early."""
        return FileFormatError(f"{file} is cut off: copy or download it again")

    def _unknown(self, file: object) -> FileFormatError:
        article = "an" if self.noun[0] in "aeiou" else "a"
        return FileFormatError(f"{file} is not {article} {self.noun}: make one with '{self.command}'")

    def _header(self, file: Path) -> tuple[dict[str, object], int]:
        """Return the header of a safetensors file, and where its data begin: 8 bytes of length, then JSON."""
        with open(file, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= _LARGEST_HEADER:
                raise self._unknown(file)
            raw = stream.read(length)
        if raw[:1] != b"{":
            raise self._unknown(file)
        if len(raw) < length:
            raise self.cut_off(file)
        try:
            return json.loads(raw), 8 + length
        except (ValueError, RecursionError):
            raise self._unknown(file) from None

    def _check_version(self, file: Path, notes: dict[str, str]) -> None:
        try:
            version = int(notes.get("version", ""))
        except ValueError:
            raise self.damaged(file, "its version is not a number") from None
        if version > self.version:
            raise FileFormatError(
                f"{file} is a newer {self.noun}, of version {version}, and this program reads versions up to "
                f"{self.version}: update it"
            )
        if version < 1:
            raise self.damaged(file, f"its version is {version}")

    def _check_shapes(self, file: object, shapes: dict[str, tuple[int, ...]], kinds: Kinds) -> None:
        sizes: dict[str, int] = {}
        for name, shape in shapes.items():
            template = kinds[name][1]
            choices = [template]
            if template and isinstance(template[0], str) and template[0].endswith("?"):
                choices = [template[1:], (template[0][:-1], *template[1:])]
            wanted = [tuple(sizes.get(n, n) if isinstance(n, str) else n for n in choice) for choice in choices]
            match = next((w for w in wanted if _fits(shape, w)), None)
            if match is None:
                expected = " or ".join(_shape_text(w) for w in wanted)
                raise self.damaged(file, f"tensor '{name}' should have shape {expected}, but has {shape}")
            if 0 in shape:
                raise self.damaged(file, f"tensor '{name}' is empty, of shape {shape}")
            sizes |= {n: size for n, size in zip(match, shape, strict=True) if isinstance(n, str)}

    def _check_finite(self, file: object, tensors: Mapping[str, np.ndarray]) -> None:
        for name, tensor in tensors.items():
            if not np.isfinite(tensor).all():
                bad = int(np.argwhere(~np.isfinite(tensor))[0][0])
                raise self.damaged(file, f"tensor '{name}' holds NaN or infinity, first in row {bad}")


@dataclass(frozen=True)
class TensorReader:
    """A file with a good header, not yet read."""

    format: TensorFormat
    file: Path
    header: dict[str, object]
    start: int
    notes: dict[str, str]
    """The texts of the header."""

    def tensors(self, kinds: Kinds) -> dict[str, np.ndarray]:
        """Return the tensors that `kinds` names.

        Only their own bytes are read, once shapes, types and offsets are right.

        Raises:
            FileFormatError: one is missing, of another type or shape, cut off, or holds NaN or infinity.
        """
        entries: dict[str, Any] = {name: self.header.get(name) for name in kinds}
        for name, entry in entries.items():
            self._check_entry(name, entry, kinds[name][0])
        shapes = {name: tuple(entry["shape"]) for name, entry in entries.items()}
        self.format._check_shapes(self.file, shapes, kinds)
        size = self.file.stat().st_size - self.start
        tensors = {}
        with open(self.file, "rb") as stream:
            for name, entry in entries.items():
                dtype, (begin, end) = _TYPES[entry["dtype"]], entry["data_offsets"]
                if end - begin != math.prod(entry["shape"]) * dtype.itemsize:
                    raise self.damaged(f"the bytes of tensor '{name}' do not fit its shape {entry['shape']}")
                if end > size:
                    raise self.format.cut_off(self.file)
                stream.seek(self.start + begin)
                tensors[name] = np.frombuffer(bytearray(stream.read(end - begin)), dtype).reshape(entry["shape"])
        self.format._check_finite(self.file, tensors)
        return tensors

    def kinds(self, prefix: str) -> Kinds:
        """Return the types and shapes of the tensors whose names begin with `prefix`, as the header has them.

        Raises:
            FileFormatError: one is badly described, or of a type that is not known.
        """
        entries: dict[str, Any] = {name: entry for name, entry in self.header.items() if name.startswith(prefix)}
        for name, entry in entries.items():
            self._check_entry(name, entry, *_TYPES)
        return {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in entries.items()}

    def damaged(self, why: str) -> FileFormatError:
        """Return the error of this file."""
        return self.format.damaged(self.file, why)

    def _check_entry(self, name: str, entry: Any, *types: str) -> None:
        if entry is None:
            raise self.damaged(f"it has no tensor '{name}'")
        shape, offsets = (entry.get("shape"), entry.get("data_offsets")) if isinstance(entry, dict) else (None, None)
        if not (_whole_numbers(shape) and _whole_numbers(offsets) and len(offsets or ()) == 2):
            raise self.damaged(f"tensor '{name}' is badly described")
        if entry.get("dtype") not in types:
            raise self.damaged(f"tensor '{name}' should be {' or '.join(types)}, but is {entry.get('dtype')}")


def kinds_of(tensors: Mapping[str, np.ndarray]) -> Kinds:
    """Return the types and shapes of arrays, which must be of float16 to float64 or int32."""
    names = {dtype: name for name, dtype in _TYPES.items()}
    return {name: (names[tensor.dtype], tensor.shape) for name, tensor in tensors.items()}


def format_name(path: str | os.PathLike[str]) -> str | None:
    """Return the name of the format that a file's header gives, such as "gagavatar.motion".

    None where there is none.
    """
    return header_notes(path).get("format")


def header_notes(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the texts of any safetensors file's header; none where it has none, or is of another kind."""
    probe = TensorFormat("", 0, "tensor file", "")
    try:
        return _notes(probe._header(readable_file(path))[0])
    except (OSError, GagavatarError):
        return {}


def _with_sorted_notes(content: bytes) -> bytes:
    """Return a safetensors file with its texts in order: the library shuffles them anew each time it writes."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    raw = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    raw = raw.ljust(-len(raw) % 8 + len(raw))  # tensors begin at a multiple of eight bytes
    return len(raw).to_bytes(8, "little") + raw + content[start:]


def _as_text(value: str) -> str:
    """Return a text without what a file's name may hold and Unicode does not."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _notes(header: dict[str, object]) -> dict[str, str]:
    notes = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(notes, dict):
        return {}
    return {str(key): value for key, value in notes.items() if isinstance(value, str)}


def _whole_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 1 << 48 for v in values)


def _fits(shape: tuple[int, ...], wanted: Shape) -> bool:
    return len(shape) == len(wanted) and all(isinstance(w, str) or s == w for s, w in zip(shape, wanted, strict=True))


def _shape_text(shape: Shape) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
