"""Reading pickles of arrays as data: nothing that the file names is imported or called.

Head models and tracking results are published as Python pickles, a format that can run any code when it is loaded.
This reader replaces every class that such files need (numpy arrays and scalars, scipy's sparse matrices, chumpy's
wrapped arrays) by a stand-in of its own that merely keeps the stored state, and refuses every other name.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import FileFormatError

MAX_BYTES = 2 << 30
"""Files larger than this are not read: the largest head model has 100 MB, an hour of tracking 250 MB."""

_CODES = frozenset(["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"])
_OBJECTS = frozenset(["O", "O4", "O8"])  # numpy.save wraps a dict in an array of one object


class _Locked(type):
    """Metaclass of the stand-ins: a pickle cannot alter them through the BUILD instruction."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise pickle.UnpicklingError(f"{cls.__name__} cannot be changed")


class _DType(metaclass=_Locked):
    """Stand-in of `numpy.dtype`: a plain number type, or that of objects."""

    def __init__(self, code: str, align: Any = False, copy: Any = False) -> None:
        code = code.lstrip("<>|=")
        if code not in _CODES | _OBJECTS:
            raise pickle.UnpicklingError(f"arrays of type {code!r} are not numbers")
        self.order, self.code = "<", code

    def __setstate__(self, state: tuple) -> None:
        self.order = ">" if state[1] == ">" else "<"

    def numpy(self) -> np.dtype:
        if self.code in _OBJECTS:
            raise pickle.UnpicklingError("an array of objects with bytes")
        return np.dtype(self.order + self.code)


class _Array(metaclass=_Locked):
    """Stand-in of `numpy.ndarray`, filled by its state (version, shape, type, Fortran order, bytes or objects)."""

    value: np.ndarray | list | None = None

    def __setstate__(self, state: tuple) -> None:
        _version, shape, dtype, fortran, data = state
        self.value = data if isinstance(data, list) else _array(data, dtype, shape, "F" if fortran else "C")


class _Record(metaclass=_Locked):
    """Stand-in of an object of a known class: its state, by name."""

    kind = ""
    state: dict[str, Any]

    def __new__(cls, *_args: Any) -> _Record:  # pickles create objects without __init__
        record = super().__new__(cls)
        record.state = {}
        return record

    def __setstate__(self, state: Any) -> None:
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.state.update(part)


class _Object(metaclass=_Locked):
    """Stand-in of `object`, which old pickles name as the base class of what they rebuild."""


def _array(data: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    if not isinstance(dtype, _DType):
        raise pickle.UnpicklingError("an array without a number type")
    if isinstance(data, str):  # pickles of Python 2 keep bytes as text
        data = data.encode("latin1")
    flat = np.frombuffer(bytes(data), dtype.numpy())
    native = flat.astype(flat.dtype.newbyteorder("="))
    return native.reshape(tuple(int(n) for n in shape), order=order)


def _reconstruct_array(_cls: Any, _shape: Any, _code: Any) -> _Array:
    return _Array()


def _array_from_buffer(data: Any, dtype: Any, shape: Any, order: str = "C") -> np.ndarray:
    return _array(data, dtype, shape, "F" if order == "F" else "C")


def _scalar(dtype: Any, data: Any) -> Any:
    return _array(data, dtype, (), "C")[()]


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"text encoding {encoding!r}")
    return text.encode("latin1")


def _reconstruct_object(cls: Any, _base: Any = None, _state: Any = None) -> Any:
    if not (isinstance(cls, type) and issubclass(cls, _Record)):
        raise pickle.UnpicklingError("an object of an unknown class")
    return cls()


def _callable(function: Callable) -> type:
    """Wraps a function as a locked class, so that a pickle can call it but not alter it."""
    return _Locked(function.__name__, (), {"__slots__": (), "__new__": lambda cls, *args: function(*args)})


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _callable(_latin1),
    ("copyreg", "_reconstructor"): _callable(_reconstruct_object),
    ("builtins", "object"): _Object,
    ("builtins", "set"): _callable(set),
    ("collections", "OrderedDict"): _callable(dict),
}
for _core in ("numpy.core", "numpy._core"):
    _ADMITTED[f"{_core}.multiarray", "_reconstruct"] = _callable(_reconstruct_array)
    _ADMITTED[f"{_core}.multiarray", "scalar"] = _callable(_scalar)
    _ADMITTED[f"{_core}.numeric", "_frombuffer"] = _callable(_array_from_buffer)

_RENAMED = {"copy_reg": "copyreg", "__builtin__": "builtins"}
_SPARSE = ("csc", "csr", "coo")


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = _RENAMED.get(module, module)
        if (module, name) in _ADMITTED:
            return _ADMITTED[module, name]
        if module.startswith("scipy.sparse") and name[:3] in _SPARSE and name[3:] in ("_matrix", "_array"):
            return _Locked(name, (_Record,), {"kind": name[:3]})
        if module.split(".")[0] == "chumpy":
            return _Locked(name, (_Record,), {"kind": f"chumpy {name}"})
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is not an array")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside the file")


def _dense(kind: str, state: dict[str, Any]) -> np.ndarray:
    """Dense float array of a sparse matrix's stored state."""
    rows, columns = (int(n) for n in _plain(state["_shape"] if "_shape" in state else state["shape"]))
    if rows * columns > MAX_BYTES // 8:
        raise pickle.UnpicklingError(f"a sparse matrix of {rows} x {columns} is too large")
    dense = np.zeros((rows, columns))
    data = _plain(state["data"])
    if kind == "coo":
        major, minor = (_plain(state[k]) for k in ("row", "col")) if "row" in state else _plain(state["coords"])
    else:
        indptr, minor = _plain(state["indptr"]), _plain(state["indices"])
        major = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    index = (minor, major) if kind == "csc" else (major, minor)
    np.add.at(dense, index, data)
    return dense


def _plain(value: Any) -> Any:
    """Replaces the stand-ins inside `value` by arrays, recursively."""
    if isinstance(value, _Array):
        return _plain(value.value)
    if isinstance(value, _Record):
        if value.kind in _SPARSE:
            return _dense(value.kind, value.state)
        if "x" not in value.state:
            raise pickle.UnpicklingError(f"a {value.kind} object holds no array of its own")
        return _plain(value.state["x"])
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(v) for v in value)
    return value


def loads(data: bytes, name: str = "the pickle") -> Any:
    """The value of a pickle as dicts, lists, strings, numbers and numpy arrays; sparse matrices come dense,
    arrays of objects as flat lists.

    Raises `FileFormatError`, which tells the `name`, when the pickle is damaged or names anything but arrays.
    """
    try:
        return _plain(_Reader(io.BytesIO(data), encoding="latin1").load())
    except RecursionError:
        raise FileFormatError(f"{name}: nested too deeply for a file of arrays; download it again") from None
    except Exception as error:  # a hostile or damaged stream can fail anywhere in the unpickler
        reason = str(error) or type(error).__name__
        raise FileFormatError(f"{name} was not read: {reason}. Use the original file from its publisher") from error


def load(path: str | os.PathLike) -> Any:
    """`loads` of a file. Raises `FileFormatError` also when it is missing or larger than `MAX_BYTES`."""
    try:
        size = os.stat(path).st_size
        if size > MAX_BYTES:
            raise FileFormatError(f"{path} has {size >> 20} MB, too many for a file of arrays; is it the right file?")
        with open(path, "rb") as file:
            return loads(file.read(), os.fspath(path))
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror}. Check the path") from error
