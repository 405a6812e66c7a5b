"""What takes the place of classes and functions that pickles of arrays name; see `restricted_pickle`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

import numpy as np

from .pickle_limits import Budget

_CODES = frozenset(["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"])
_OBJECTS = frozenset(["O", "O4", "O8"])  # numpy.save wraps a dict in an array of one object
_ENTRY_BYTES = 100  # about, of a dict or set
BUDGET: ContextVar[Budget] = ContextVar("budget")
"""Of the pickle that is being read."""


class Locked(type):
    """Metaclass of the stand-ins: a pickle cannot alter them through the BUILD instruction."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise pickle.UnpicklingError(f"{cls.__name__} cannot be changed")


class DType(metaclass=Locked):
    """Stand-in of `numpy.dtype`: a plain number type, or that of objects."""

    def __init__(self, code: str, align: Any = False, copy: Any = False) -> None:
        code = code.lstrip("<>|=")
        if code not in _CODES | _OBJECTS:
            raise pickle.UnpicklingError(f"arrays of type {code!r} are not numbers")
        self.order, self.code = "<", code

    def __setstate__(self, state: tuple) -> None:
        self.order = ">" if state[1] == ">" else "<"

    def numpy(self) -> np.dtype:
        """Return the type as NumPy's."""
        if self.code in _OBJECTS:
            raise pickle.UnpicklingError("an array of objects with bytes")
        return np.dtype(self.order + self.code)


class Array(metaclass=Locked):
    """Stand-in of `numpy.ndarray`, filled by its state (version, shape, type, Fortran order, bytes or objects)."""

    value: np.ndarray | list | None = None

    def __setstate__(self, state: tuple) -> None:
        _version, shape, dtype, fortran, data = state
        self.value = data if isinstance(data, list) else _array(data, dtype, shape, "F" if fortran else "C")


class Record(metaclass=Locked):
    """Stand-in of an object of a known class: its state, by name."""

    kind = ""
    state: dict[str, Any]

    def __new__(cls, *_args: Any) -> Record:  # pickles create objects without __init__
        """Return an empty record."""
        record = super().__new__(cls)
        record.state = {}
        return record

    def __setstate__(self, state: Any) -> None:
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                BUDGET.get().take(len(part) * _ENTRY_BYTES)
                self.state.update(part)


class _Object(metaclass=Locked):
    """Stand-in of `object`, which old pickles name as the base class of what they rebuild."""


def _array(data: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    if not isinstance(dtype, DType):
        raise pickle.UnpicklingError("an array without a number type")
    if not isinstance(data, (str, bytes, bytearray)):
        raise pickle.UnpicklingError("an array without bytes")
    BUDGET.get().take(len(data))
    if isinstance(data, str):  # pickles of Python 2 keep bytes as text
        data = data.encode("latin1")
    flat = np.frombuffer(data, dtype.numpy())
    native = flat.astype(flat.dtype.newbyteorder("="))  # a copy, which can be written to
    return native.reshape(tuple(int(n) for n in shape), order=order)  # type: ignore[call-overload]


def _reconstruct_array(_cls: Any, _shape: Any, _code: Any) -> Array:
    return Array()


def _array_from_buffer(data: Any, dtype: Any, shape: Any, order: str = "C") -> np.ndarray:
    return _array(data, dtype, shape, "F" if order == "F" else "C")


def _scalar(dtype: Any, data: Any) -> Any:
    return _array(data, dtype, (), "C")[()]


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"text encoding {encoding!r}")
    BUDGET.get().take(len(text))
    return text.encode("latin1")


def _reconstruct_object(cls: Any, _base: Any = None, _state: Any = None) -> Any:
    if not (isinstance(cls, type) and issubclass(cls, Record)):
        raise pickle.UnpicklingError("an object of an unknown class")
    return cls()


def _set(values: Iterable[Any] = ()) -> set[Any]:
    return set(_count(values))


def _dict(values: Iterable[Any] = ()) -> dict[Any, Any]:
    return dict(_count(values))


def _count(values: Iterable[Any]) -> list[Any]:
    entries = list(values.items() if isinstance(values, dict) else values)
    BUDGET.get().take(len(entries) * _ENTRY_BYTES)
    return entries


def _callable(function: Callable) -> type:
    """Wrap a function as a locked class, so that a pickle can call it but not alter it."""
    return Locked(function.__name__, (), {"__slots__": (), "__new__": lambda cls, *args: function(*args)})


ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): DType,
    ("_codecs", "encode"): _callable(_latin1),
    ("copyreg", "_reconstructor"): _callable(_reconstruct_object),
    ("builtins", "object"): _Object,
    ("builtins", "set"): _callable(_set),
    ("collections", "OrderedDict"): _callable(_dict),
}
for _core in ("numpy.core", "numpy._core"):
    ADMITTED[f"{_core}.multiarray", "_reconstruct"] = _callable(_reconstruct_array)
    ADMITTED[f"{_core}.multiarray", "scalar"] = _callable(_scalar)
    ADMITTED[f"{_core}.numeric", "_frombuffer"] = _callable(_array_from_buffer)
