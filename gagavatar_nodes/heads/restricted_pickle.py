"""Reading pickles of arrays as data: nothing that the file names is imported or called.

Head models and tracking results are published as Python pickles, a format that can run any code when it is loaded.
This reader replaces every class that such files need (numpy arrays and scalars, scipy's sparse matrices, chumpy's
wrapped arrays) by a stand-in of its own that merely keeps the stored state, and refuses every other name. What it
builds is bounded, see `pickle_limits`.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import FileFormatError
from ..media.files import readable_file
from .pickle_limits import MAX_DEPTH, MAX_VALUES, Budget, check_operations
from .pickle_stand_ins import ADMITTED, BUDGET, Array, Locked, Record

MAX_BYTES = 2 << 30
"""Files larger than this are not read: the largest head model has 100 MB, an hour of tracking 250 MB."""

_RENAMED = {"copy_reg": "copyreg", "__builtin__": "builtins"}
_SPARSE = ("csc", "csr", "coo")


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = _RENAMED.get(module, module)
        if (module, name) in ADMITTED:
            return ADMITTED[module, name]
        if module.startswith("scipy.sparse") and name[:3] in _SPARSE and name[3:] in ("_matrix", "_array"):
            return Locked(name, (Record,), {"kind": name[:3]})
        if module.split(".")[0] == "chumpy":
            return Locked(name, (Record,), {"kind": f"chumpy {name}"})
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is not an array")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside the file")


def _dense(kind: str, state: dict[str, Any]) -> np.ndarray:
    """Dense float array of a sparse matrix's stored state, whose own values are plain."""
    rows, columns = (int(n) for n in (state["_shape"] if "_shape" in state else state["shape"]))
    if min(rows, columns) < 0:
        raise pickle.UnpicklingError(f"a sparse matrix of {rows} x {columns}")
    BUDGET.get().take(8 * rows * columns)
    dense = np.zeros((rows, columns))
    data = state["data"]
    if kind == "coo":
        major, minor = (state[k] for k in ("row", "col")) if "row" in state else state["coords"]
    else:
        indptr, minor = state["indptr"], state["indices"]
        BUDGET.get().take(8 * max(0, int(np.sum(np.diff(indptr)))))
        major = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    index = (minor, major) if kind == "csc" else (major, minor)
    np.add.at(dense, index, data)
    return dense


class _Unfolding:
    """Replaces stand-ins by arrays; a value that is referred to often is worked on once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any, int]] = {}
        self._depth = 0

    def plain(self, value: Any) -> Any:
        """`value` with arrays in the place of stand-ins, also inside containers."""
        return self._count(value)[0]

    def _count(self, value: Any) -> tuple[Any, int]:
        """Return the same, and how many values it holds, those that are shared counted each time."""
        if not isinstance(value, (Array, Record, dict, list, tuple)):
            return value, 1
        if id(value) in self._known:
            return self._known[id(value)][1:]
        if self._depth == MAX_DEPTH:
            raise pickle.UnpicklingError("nested too deeply for a file of arrays")
        self._depth += 1
        result, count = self._unfold(value)
        self._depth -= 1
        if count > MAX_VALUES:
            raise pickle.UnpicklingError(f"it unfolds to more than {MAX_VALUES // 10**6} million values")
        self._known[id(value)] = value, result, count  # the value is kept, so that no other gets its number
        return result, count

    def _unfold(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, Array):
            return self._count(value.value)
        if isinstance(value, Record):
            if value.kind in _SPARSE:
                return _dense(value.kind, self.plain(value.state)), 1
            if "x" not in value.state:
                raise pickle.UnpicklingError(f"a {value.kind} object holds no array of its own")
            return self._count(value.state["x"])
        if isinstance(value, dict):
            keys, values = self._all(value), self._all(value.values())
            return dict(zip(keys[0], values[0], strict=True)), keys[1] + values[1]
        items, count = self._all(value)
        return (tuple(items) if isinstance(value, tuple) else items), count

    def _all(self, values: Iterable[Any]) -> tuple[list[Any], int]:
        items, total = [], 1
        for value in values:
            item, count = self._count(value)
            items.append(item)
            total += count
        return items, total


def loads(data: bytes, name: str = "the pickle") -> Any:
    """Return the value of a pickle as dicts, lists, strings, numbers and numpy arrays.

    Sparse matrices come dense, arrays of objects as flat lists.

    Raises `FileFormatError`, which tells the `name`, when the pickle is damaged or names anything but arrays.
    """
    given = BUDGET.set(Budget(len(data)))
    try:
        check_operations(data)
        return _Unfolding().plain(_Reader(io.BytesIO(data), encoding="latin1").load())
    except Exception as error:  # a hostile or damaged stream can fail anywhere in the unpickler
        reason = str(error) or type(error).__name__
        raise FileFormatError(f"{name} was not read: {reason}. Use the original file from its publisher") from error
    finally:
        BUDGET.reset(given)


def load(path: str | os.PathLike) -> Any:
    """`loads` of a file.

    Raises:
        MediaError: it is missing or no file.
        FileFormatError: it is larger than `MAX_BYTES`, damaged, or names anything but arrays.
    """
    file = readable_file(path)
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise FileFormatError(f"{path} has {size >> 20} MB, too many for a file of arrays; is it the right file?")
    try:
        return loads(file.read_bytes(), os.fspath(path))
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror}. Check the path") from error
