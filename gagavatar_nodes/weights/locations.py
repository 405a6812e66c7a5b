"""Where weights lie: folders the user names, the package's own folder, the hub cache."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from ..errors import WeightsError
from ..packages import program
from .lockfile import LockFile, cache_name, check, lock_folder
from .manifest import WeightFile, weight

Folders: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None
"""One folder, several in order of preference, or none."""

FOLDER_VARIABLE = "GAGAVATAR_WEIGHTS"
IMPORTED_FLAME = "FLAME.safetensors"
"""Name of a converted official FLAME file in a weights folder."""


def default_folder() -> Path:
    """Return the folder for files placed by hand: $GAGAVATAR_WEIGHTS, else one in the user's data folder."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("gagavatar-nodes", appauthor=False) / "weights"


def named_folders(folder: Folders = None) -> list[Path]:
    """`folder` as a list of paths, empty where none is named."""
    if folder is None:
        return []
    if isinstance(folder, (str, os.PathLike)):
        folder = [folder]
    return [Path(one).expanduser() for one in folder]


def hand_path(name: str, folder: Folders = None) -> Path:
    """Where a user places the file `name` by hand: in the first named folder, else in `default_folder()`."""
    return [*named_folders(folder), default_folder()][0] / weight(name).name


def find_weight(name: str, folder: Folders = None) -> Path | None:
    """Find a weights file without reading it.

    Looks in `folder`, in `default_folder()`, then in the hub cache; in a folder both as `NAME` and under its path in
    the repository, so that a clone of the repository serves as well.

    Returns:
        The file's path, or None if it is nowhere.

    Raises:
        WeightsError: the manifest has no such name.
    """
    entry = weight(name)
    for candidate in _candidates(entry, folder):
        if candidate.is_file():
            return candidate
    return cached_path(entry)


def require_weight(name: str, folder: Folders = None) -> Path:
    """Find a weights file and verify it against the manifest and the lock file; the loaders' way in.

    Raises:
        WeightsError: it is missing (the message names the path, the address and the license), truncated or changed.
    """
    path = find_weight(name, folder)
    if path is None:
        raise WeightsError(missing_message(weight(name), folder))
    try:
        check(weight(name), path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}). Check its permissions and the drive.") from error
    return path


def require_flame(folder: Folders = None) -> Path:
    """Return the FLAME file to use.

    One imported by `gagavatar weights import-flame`, else the published `FLAME_with_eye.pt`.

    Raises:
        WeightsError: there is neither, or the published file is damaged.
    """
    for one in [*named_folders(folder), default_folder()]:
        if (one / IMPORTED_FLAME).is_file():
            return one / IMPORTED_FLAME
    return require_weight("FLAME_with_eye.pt", folder)


def missing_message(entry: WeightFile, folder: Folders = None) -> str:
    """Return what to tell a user who lacks a file: the command, the address, the license and the place."""
    if entry.repo is None:
        return (
            f"{entry.name} is missing. It is under the {entry.license} ({entry.license_url}) and is given out by its "
            f"authors: get it there and place it at {hand_path(entry.name, folder)}."
        )
    accept = " --accept-license" if entry.gated else ""
    terms = f"once you have accepted its license ({entry.license_url})" if entry.gated else f"license: {entry.license}"
    place = "".join(f' --folder "{one}"' for one in named_folders(folder)[:1])
    convert = f", or import an official one by `{program()} weights import-flame PATH`"
    official = convert if "FLAME" in entry.name else ""
    return (
        f"{entry.name} is missing. Run `{program()} weights download {entry.name}{accept}{place}` ({terms}), "
        f"or place the file from {entry.address} at {hand_path(entry.name, folder)}{official}."
    )


def cached_path(entry: WeightFile) -> Path | None:
    """Return the file in the hub cache, at the pinned, locked or newest cached commit; None if it is not there."""
    if entry.repo is None:
        return None
    try:
        from huggingface_hub import constants, try_to_load_from_cache
    except ImportError:
        return None
    locked = (LockFile(Path(constants.HF_HUB_CACHE) / cache_name(entry)).entry(entry.name) or {}).get("commit")
    found = try_to_load_from_cache(entry.repo, entry.path, revision=entry.revision or locked or "main")
    return Path(found) if isinstance(found, str) else None


def target_folder(entry: WeightFile, folder: Folders = None) -> Path:
    """Where a download of `entry` goes, with its lock and partial file: the user's folder, else the hub cache's.

    Raises:
        ImportError: the hub cache is meant and huggingface_hub is not installed.
    """
    if named_folders(folder) or os.environ.get(FOLDER_VARIABLE):
        return hand_path(entry.name, folder).parent
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / cache_name(entry)


def record_folder(entry: WeightFile, folder: Folders = None) -> Path:
    """Return the folder whose lock file speaks for `entry`: where it lies, else where a download would go."""
    found = find_weight(entry.name, folder)
    return lock_folder(entry, found) if found else target_folder(entry, folder)


def partial_file(entry: WeightFile, folder: Folders = None) -> Path | None:
    """Return the unfinished download of a file, if one waits to be continued."""
    try:
        target = target_folder(entry, folder)
    except ImportError:
        return None
    return next(target.glob(f"{entry.name}.*.partial"), None)


def _candidates(entry: WeightFile, folder: Folders) -> Iterator[Path]:
    for one in [*named_folders(folder), default_folder()]:
        yield one / entry.name
        yield one / entry.path
