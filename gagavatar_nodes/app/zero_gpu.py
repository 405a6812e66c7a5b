"""Spaces of the kind ZeroGPU lend a GPU for the time of one call, which runs in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS = 120
"""For which a GPU is asked at most; the visitor's share of time has to suffice."""


def is_here() -> bool:
    """Whether this is such a Space."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true") and find_spec("spaces") is not None


def with_gpu(function: F) -> F:
    """`function` with a GPU lent to it, on such a Space; elsewhere as it is. Arguments and results are pickled."""
    if not is_here():
        return function
    import spaces

    return spaces.GPU(duration=_SECONDS)(function)
