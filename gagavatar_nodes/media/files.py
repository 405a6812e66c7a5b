"""Output files that appear whole or not at all, and what the operating system's refusals mean to a user."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import MediaError
from ..temporary import temporary_beside

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}
_BROKEN = _FULL | {errno.EIO}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def atomic_output(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and is removed on any error.

    The temporary name keeps the extension, because encoders choose their format by it. It is created at once, so that
    a folder that cannot be written is found before the work and not after it. Where `path` is a symbolic link the file
    that it leads to is replaced and the link stays. Temporary files of programs that were killed are removed.

    Raises:
        MediaError: the folder is missing or cannot be written, `path` is no file's, or the disk is full.
    """
    target = _resolve_link(Path(path))
    _check_file(target)
    with temporary_beside(target, Path(path).suffix) as temporary:
        with _explain_errors(target):
            temporary.touch(exist_ok=False)
        with _explain_errors(target, only=_BROKEN):
            yield temporary
        with _explain_errors(target):
            os.replace(temporary, target)


@contextmanager
def atomic_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary folder whose files move into `folder` when the block ends well; see `atomic_output`.

    `folder` is made when it is missing. Files of other names that it holds stay.
    """
    target = _resolve_link(Path(folder))
    if target.exists() and not target.is_dir():
        raise MediaError(f"{target} is a file: give the name of a folder")
    made = not target.exists()
    with temporary_beside(target if made else target / "frames") as temporary:
        with _explain_errors(target):
            temporary.mkdir()
        with _explain_errors(target, only=_BROKEN):
            yield temporary
        with _explain_errors(target):
            if made:
                os.replace(temporary, target)
            else:
                for file in sorted(temporary.iterdir()):
                    _move(file, _resolve_link(target / file.name))


def check_writable(
    path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str] | None] = (), folder: bool = False
) -> None:
    """Validate a path before any work, as `atomic_output` (or, of a `folder`, `atomic_folder`) would after it.

    Args:
        path: the output.
        inputs: files that the output must not take the place of; names of other things than files are passed over.
        folder: the output is a folder.

    Raises:
        MediaError: the output is one of the inputs, of the wrong kind, or in a folder that is missing or protected.
    """
    target = _resolve_link(Path(path))
    if folder and target.exists() and not target.is_dir():
        raise MediaError(f"{target} is a file: give the name of a folder")
    if not folder:
        _check_file(target)
    for source in inputs:
        if source is not None and not folder and os.path.isfile(source) and target.exists() and target.samefile(source):
            raise MediaError(f"{target} is read from and would be overwritten: choose another output")
    place = target if folder and target.exists() else target.parent
    if not place.is_dir():
        raise MediaError(f"{target} cannot be written: {_advice(target, FileNotFoundError(errno.ENOENT, ''))}")
    if not os.access(place, os.W_OK):
        raise MediaError(f"{target} cannot be written: {_advice(target, PermissionError(errno.EACCES, ''))}")


def readable_file(path: str | os.PathLike[str]) -> Path:
    """`path`, when it is a file with something in it.

    Raises:
        MediaError: it is missing, empty, may not be read, or is a folder, a pipe, a socket or a device.
    """
    file = Path(path)
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            raise MediaError(f"{file} {_not_a_file(mode)}")
        with open(file, "rb") as stream:
            empty = not stream.read(1)
    except FileNotFoundError:
        raise MediaError(f"{file} does not exist: check the path") from None
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        raise MediaError(f"{file} cannot be opened ({_reason(error)}): check the path and its permissions") from error
    if empty:
        raise MediaError(f"{file} is empty (0 bytes): copy or download it again")
    return file


def _check_file(target: Path) -> None:
    """Check that a file may take the place of what is there.

    Raises:
        MediaError: there is something at `target` that is no file, and that a file must not take the place of.
    """
    try:
        mode = target.stat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode):
        raise MediaError(f"{target} {_not_a_file(mode)}")


def _not_a_file(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "is a folder: give the name of a file in it"
    kind = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    return f"is {kind} and not a file: give the name of a file"


def _resolve_link(path: Path) -> Path:
    """Return what a symbolic link leads to, there or not; another path as it is."""
    if not path.is_symlink():
        return path
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise MediaError(f"{path} is a symbolic link that leads to itself: remove it or choose another output")
    return target


def _move(file: Path, target: Path) -> None:
    """Put `file` in the place of `target`, which may lie on another drive."""
    try:
        os.replace(file, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with atomic_output(target) as temporary:
            shutil.copyfile(file, temporary)


@contextmanager
def _explain_errors(target: Path, only: set[int] | None = None) -> Iterator[None]:
    """Turn an OSError (of the numbers in `only`) into the line that a user needs."""
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        raise MediaError(f"{target} cannot be written: {_advice(target, error)}") from error


def _advice(target: Path, error: OSError) -> str:
    if error.errno in _FULL:
        return "the disk is full: free some space or choose another drive"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"there is no folder {target.parent}: create it or choose another output"
    if error.errno in _DENIED:
        return f"{target.parent} may not be written to: choose another folder or change its permissions"
    return f"{_reason(error)}: choose another output"


def _reason(error: OSError | ValueError) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
