"""Files that users name in nodes: none of them lies outside of ComfyUI's output and input folders."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..driving.motion_file import SUFFIXES
from ..errors import GagavatarError, MediaError
from . import host

NONE = "(none)"
"""What the list of a Load node shows where nothing is chosen."""


PREFIX_TIP = "Name in the output folder; a number is added. %date:yyyy-MM-dd% and the like are filled in."

_DATE_PARTS = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "hh": "%H", "mm": "%M", "ss": "%S"}
"""As ComfyUI's own save nodes have them -> those of `time.strftime`."""
_SHORT_DATES = {"M": "%m", "d": "%d", "h": "%H", "m": "%M", "s": "%S"}
_LONGEST_NAME, _LONGEST_PREFIX = 200, 1000
"""Bytes of a part and letters of a whole prefix, with room for number and extension."""
_ILLEGAL = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
"""Characters that no file's name on Windows has; other systems allow them all."""
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def next_file(prefix: str, extension: str, width: int = 0, height: int = 0) -> Path:
    """Return the next free numbered file in the output folder; see `fill_in` for the prefix.

    Raises:
        MediaError: the prefix leaves that folder, is no name, or the folder cannot be made.
    """
    _check_inside(prefix, "filename_prefix")
    if not PurePosixPath(prefix.replace("\\", "/")).name:
        raise MediaError("'filename_prefix' is empty: give a name such as gagavatar/avatar")
    prefix = fill_in(prefix, width, height)
    _check_name(prefix)
    try:
        folder, name, number, _ = host.next_output(prefix, width, height)
    except OSError as error:
        raise MediaError(
            f"{host.output_folder() / prefix} cannot be written ({error.strerror}): choose another filename_prefix"
        ) from error
    return folder / f"{name}_{number:05}_{extension}"


def _check_name(prefix: str) -> None:
    """Check the parts of a prefix.

    Raises:
        MediaError: a part of it is longer than file systems allow, or cannot be written as a name at all.
    """
    try:
        longest = max(len(part.encode()) for part in prefix.replace("\\", "/").split("/"))
    except UnicodeEncodeError:
        raise MediaError("'filename_prefix' holds letters that no name can have: write it anew") from None
    if longest > _LONGEST_NAME or len(prefix) > _LONGEST_PREFIX:
        raise MediaError(f"'filename_prefix' has {len(prefix)} letters, which is too long for a name: shorten it")


def fill_in(prefix: str, width: int, height: int) -> str:
    """Return the prefix with its %date:...%, %year% and other such patterns filled in, as ComfyUI's own nodes do it.

    Raises:
        MediaError: on Windows, it has characters that file names cannot have there.
    """
    now = time.localtime()

    def date(pattern: re.Match[str]) -> str:
        shown = re.sub("yyyy|yy|MM|dd|hh|mm|ss", lambda part: time.strftime(_DATE_PARTS[part[0]], now), pattern[1])
        shown = re.sub("[Mdhms]", lambda part: time.strftime(_SHORT_DATES[part[0]], now).lstrip("0") or "0", shown)
        return _ILLEGAL.sub("_", shown).replace("/", "_").replace("\\", "_")

    filled = re.sub(r"%date:([^%]+)%", date, prefix)
    words = {"width": str(width), "height": str(height), "year": "%Y", "month": "%m", "day": "%d", "hour": "%H"}
    words |= {"minute": "%M", "second": "%S"}
    filled = re.sub(f"%({'|'.join(words)})%", lambda word: time.strftime(words[word[1]], now), filled)
    if sys.platform == "win32" and (wrong := _ILLEGAL.search(filled)):
        raise MediaError(f"'filename_prefix' holds {wrong[0]!r}, which Windows does not allow: leave it out")
    return filled


def as_result(path: Path) -> dict[str, str]:
    """How ComfyUI's pages name a file of the output folder."""
    relative = path.relative_to(host.output_folder())
    subfolder = "" if relative.parent == Path(".") else relative.parent.as_posix()
    return {"filename": path.name, "subfolder": subfolder, "type": "output"}


def list_files(recognizes: Callable[[Path], bool]) -> list[str]:
    """Files of a kind in the output and input folders, newest first, as `name [output]`; then `(none)`."""
    found = []
    for label, folder in _folders().items():
        for root, names in _walk(folder):
            for name in names:
                path = Path(root) / name
                if name.lower().endswith(SUFFIXES) and not name.startswith(".") and recognizes(path):
                    found.append((path.stat().st_mtime, f"{path.relative_to(folder).as_posix()} [{label}]"))
    return [name for _, name in sorted(found, reverse=True)] + [NONE]


def _walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield folders and the names of their files, also those that symbolic links lead to, each once."""
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(root))
        folders[:] = [one for one in folders if os.path.realpath(os.path.join(root, one)) not in seen]
        yield root, names


def resolve(name: str) -> Path:
    """The file that `name [output]`, `name [input]`, `name` (in the input folder) or a path inside one of them means.

    Raises:
        MediaError: it lies outside of both, or does not exist.
    """
    path = _locate(name)
    try:
        found = path.is_file()
    except (OSError, ValueError):  # no file can have this name, which may be endless
        found = False
    if not found:
        raise MediaError(
            f"{name[:_LONGEST_NAME]} is in neither the output nor the input folder: refresh the list and choose again"
        )
    return path


def choose_file(file: str, path: str | None) -> Path:
    """Return the file of a Load node: its `path` input where that is connected, else the one chosen from the list.

    Raises:
        MediaError: neither names a file.
    """
    if path:
        return resolve(path)
    if file in ("", NONE, None):
        raise MediaError("No file is chosen: save one first, or put one into ComfyUI's input folder and refresh")
    return resolve(file)


def problem(file: str) -> str | None:
    """Return what is wrong with a chosen file, before the prompt runs; `(none)` may have a link beside it."""
    if file in ("", NONE, None):
        return None
    try:
        resolve(file)
    except GagavatarError as error:
        return str(error)
    return None


def fingerprint(file: str) -> str:
    """Changes when the file does."""
    try:
        state = resolve(file).stat()
    except GagavatarError:
        return file
    return f"{file} {state.st_size} {state.st_mtime_ns}"


def _folders() -> dict[str, Path]:
    return {"output": host.output_folder(), "input": host.input_folder()}


def _locate(name: str) -> Path:
    folders = _folders()
    for label, folder in folders.items():
        if name.endswith(f" [{label}]"):
            inner = name[: -len(label) - 3]
            _check_inside(inner, "file")
            return folder / inner
    if not os.path.isabs(name):
        _check_inside(name, "file")
        return folders["input"] / name
    path = Path(os.path.abspath(name))
    if not any(path.is_relative_to(os.path.abspath(folder)) for folder in folders.values()):
        raise MediaError(f"{name} is outside of ComfyUI's output and input folders: copy it to the input folder")
    return path


def _check_inside(name: str, what: str) -> None:
    """Refuse absolute names, drives and steps upward, on any system."""
    parts = name.replace("\\", "/").split("/")
    drive = PureWindowsPath(name).drive if sys.platform == "win32" else _DRIVE.match(name)
    if ".." in parts or drive or name.startswith(("/", "\\")) or "\0" in name:
        raise MediaError(f"'{what}' leaves ComfyUI's folders ({name!r}): give a name such as gagavatar/avatar")
