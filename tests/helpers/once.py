"""What is costly and never changed, made once in a run of the tests, whichever process asks for it first."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from filelock import FileLock

T = TypeVar("T")


class Once:
    """Results in files that the processes of a run share; each caller has a copy of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder

    def __call__(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returned where it was first asked for; who asks meanwhile waits for it."""
        path = self._folder / f"{name}.pickle"
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                half = path.with_suffix(".half")  # who writes may be ended
                half.write_bytes(pickle.dumps(make(), pickle.HIGHEST_PROTOCOL))
                half.replace(path)
        return pickle.loads(path.read_bytes())


def name_of(*parts: Any) -> str:
    """Return a name for what is made of these arrays and plain values, or of values whose fields they are."""
    digest = hashlib.sha256()
    for part in _plain(parts):
        digest.update(part)
    return digest.hexdigest()


def _plain(value: Any) -> Iterable[bytes]:
    if isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from _plain(one)
    elif hasattr(value, "__dataclass_fields__"):
        yield from _plain([getattr(value, name) for name in value.__dataclass_fields__])
    else:
        yield repr(value).encode()
