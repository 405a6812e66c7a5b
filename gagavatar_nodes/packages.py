"""Packages that may be missing, and machines that have no memory left for them."""

from __future__ import annotations

import errno
import importlib
import re
import sys
import sysconfig
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

from .errors import GagavatarError

NO_MEMORY = (
    "There is not enough memory for this: close other programs, raise the limit under which this one runs, or use a "
    "smaller picture or --size"
)
_ADDRESSES, _IN_USE = 1400, 500
"""Megabytes of addresses and of memory that an embedded avatar takes at 512 pixels, a little less than measured."""
_MEMORY = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_LACK = re.compile(
    r"bad[_ ]alloc|cannot allocate memory|can't allocate|could not allocate|failed to allocate|insufficient memory"
    r"|not enough memory|out of memory|outofmemory|failed to map segment|paging file is too small|start new thread",
    re.IGNORECASE,
)
"""How compiled libraries and the loaders of operating systems say it."""


@cache
def program() -> str:
    """Return how this program is started in a terminal: `gagavatar`, or by its checkout where it was not installed."""
    scripts = Path(sysconfig.get_path("scripts"))
    if any((scripts / name).exists() for name in ("gagavatar", "gagavatar.exe")):
        return "gagavatar"
    checkout = Path(__file__).parents[1]
    words = [sys.executable, *([str(checkout)] if (checkout / "__main__.py").is_file() else ["-m", "gagavatar_nodes"])]
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def load_package(module: str, purpose: str, title: str, remedy: str) -> ModuleType:
    """Import a package that may be missing.

    Args:
        module: name to import.
        purpose: what needs it, such as "Tracking".
        title: what people call it.
        remedy: what to do where it is not installed, beginning with a verb.

    Raises:
        GagavatarError: it is not installed, or cannot be loaded for another reason than a lack of memory.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise GagavatarError(f"{purpose} needs {title}, which is not installed: {remedy}.") from error
    except ImportError as error:
        if lacks_memory(error):
            raise
        raise GagavatarError(
            f"{purpose} needs {title}, which is installed but cannot be loaded ({error}): reinstall it, or {remedy}."
        ) from error


def check_memory() -> None:
    """Find out before the work that this process may not take the memory for it.

    Compiled libraries crash or wait for ever where they get none, and cannot be asked afterwards.

    Raises:
        GagavatarError: its limit is too low.
    """
    allowed = _allowed_addresses()
    if allowed is not None and allowed < _ADDRESSES:
        raise GagavatarError(
            f"There is not enough memory: this program may reserve {allowed} MB, and needs {_ADDRESSES}: raise the "
            "limit (ulimit -v)"
        )
    with suppress(OSError, ValueError):  # there is no such file elsewhere, and "max" is no number
        allowed = int(_CGROUP.read_text()) >> 20
        if allowed < _IN_USE:
            raise GagavatarError(
                f"There is not enough memory: this container may use {allowed} MB, and {_IN_USE} are needed: raise "
                "its limit"
            )


def available_memory() -> float:
    """Bytes of main memory that are free, as Linux and its containers tell; infinite where nobody knows."""
    found = float("inf")
    with suppress(OSError, ValueError, StopIteration):
        line = next(line for line in _MEMORY.read_text().splitlines() if line.startswith("MemAvailable"))
        found = int(line.split()[1]) * 1024.0
    with suppress(OSError, ValueError):  # "max" is no number
        found = min(found, float(int(_CGROUP.read_text()) - int(_CGROUP.with_name("memory.current").read_text())))
    return found


def _allowed_addresses() -> int | None:
    """Megabytes that this process may reserve; None where there is no limit, as on Windows."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit >> 20


def lacks_memory(error: BaseException | None) -> bool:
    """Whether an error, or what it comes from, says that there is not enough memory."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:  # an error may be its own cause
        seen.append(error)
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        if not isinstance(error, GagavatarError) and _LACK.search(str(error)):  # ours may quote names of files
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False
