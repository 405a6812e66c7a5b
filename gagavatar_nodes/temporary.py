"""Temporary files and folders whose names say whose they are, and the removal of those whose owner is gone.

A program that is killed, or a machine that loses its power, leaves what it was writing. The name of a temporary file
holds the machine and the process that made it, so that a later run can tell an abandoned one from one in use.
"""

from __future__ import annotations

import atexit
import os
import platform
import re
import secrets
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OWNER = re.compile(r"(?P<node>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\.tmp(?:\.\w+)?$")
_STEM_LENGTH = 40
_REST = 600.0
"""Seconds without a change after which a file of a process that is gone is abandoned."""
_LONG_REST = 86400.0
"""The same for files of other machines, whose processes cannot be seen."""
_swept: set[Path] = set()
_in_use: set[Path] = set()


def temporary_path(target: Path, suffix: str = "") -> Path:
    """Return a new name beside `target`, hidden where names that begin with a dot are, which ends with `suffix`."""
    return target.with_name(f".{target.stem[:_STEM_LENGTH]}.{owned_name()}{suffix}")


def owned_name() -> str:
    """Return a new name, or end of one, that says that it is temporary and this process's."""
    return f"{_node()}-{os.getpid()}-{secrets.token_hex(4)}.tmp"


@contextmanager
def temporary_beside(target: Path, suffix: str = "") -> Iterator[Path]:
    """A temporary path beside `target`; a file or folder that still is there when the block ends is removed.

    What programs that were killed left beside it is removed first.
    """
    sweep(target.parent)
    temporary = temporary_path(target, suffix)
    _in_use.add(temporary)
    try:
        yield temporary
    finally:  # Ctrl-C too must leave nothing behind
        remove(temporary)
        _in_use.discard(temporary)


def temporary_folder(prefix: str) -> Path:
    """Return a new folder beside the system's temporary files that nobody else may read, removed with the program.

    Those of programs that were killed are removed first.
    """
    place = Path(tempfile.gettempdir())
    sweep(place)
    folder = place / f"{prefix}{owned_name()}"
    _in_use.add(folder)
    folder.mkdir(mode=0o700)
    return folder


@atexit.register
def remove_rest() -> None:
    """Remove what ends with the program: its folder, and what threads are writing, such as those of a server."""
    for path in list(_in_use):
        if f"-{os.getpid()}-" in path.name:  # a forked process leaves its parent's alone
            remove(path)


@contextmanager
def replacement(target: Path) -> Iterator[Path]:
    """A temporary path whose file or folder takes the place of `target` when the block ends well."""
    with temporary_beside(target) as temporary:
        yield temporary
        os.replace(temporary, target)


def remove(path: Path) -> None:
    """Remove a file or a folder, where there is one and that is allowed."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def sweep(folder: Path) -> None:
    """Remove the abandoned temporary files and folders in `folder`; once in the life of this process."""
    if folder in _swept:
        return
    _swept.add(folder)
    try:
        with os.scandir(folder) as entries:
            abandoned = [Path(entry) for entry in entries if _is_abandoned(entry)]
    except OSError:  # it is not there, which its user will be told elsewhere
        return
    for path in abandoned:
        remove(path)


def _is_abandoned(entry: os.DirEntry[str]) -> bool:
    owner = _OWNER.search(entry.name)
    if owner is None:
        return False
    try:
        rest = time.time() - entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return False
    if owner["node"] != _node():
        return rest > _LONG_REST
    return rest > _REST and not _runs(int(owner["process"]))


def owner_is_gone(name: str) -> bool:
    """Whether a name of `owned_name` is that of a process of this machine that has ended, as far as can be seen."""
    owner = _OWNER.search(name)
    if owner is None or owner["node"] != _node():
        return False
    process = int(owner["process"])
    # In a container that was started again the new program has the number of the old one.
    return process == os.getpid() or not _runs(process)


def _node() -> str:
    """Return this machine, in eight hexadecimal digits."""
    return f"{zlib.crc32(platform.node().encode(errors='replace')):08x}"


def _runs(process: int) -> bool:
    """Whether there is a process of this number; where that is not known, yes."""
    if os.name == "nt":
        return _runs_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to somebody else
        return True
    return True


def _runs_on_windows(process: int) -> bool:
    import ctypes

    synchronize, timed_out = 0x00100000, 0x102
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    handle = kernel.OpenProcess(synchronize, False, process)
    if not handle:
        invalid_parameter = 87  # there is no such process
        return ctypes.get_last_error() != invalid_parameter  # type: ignore[attr-defined]
    try:
        return kernel.WaitForSingleObject(handle, 0) == timed_out
    finally:
        kernel.CloseHandle(handle)
