"""Results kept by content: the same file, tracked or lifted in the same way, is not worked on twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

from .errors import GagavatarError

T = TypeVar("T")

FOLDER_VARIABLE = "GAGAVATAR_CACHE"
_LIMIT_BYTES = 1 << 30
_CHUNK = 1 << 20


def cache_folder() -> Path:
    """Where results and builds are kept: `GAGAVATAR_CACHE`, or the user's cache folder."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("gagavatar-nodes", appauthor=False)


def content_key(path: str | os.PathLike[str], *how: object) -> str:
    """Return a name for the result of working on a file's content in one way, by this code."""
    digest = hashlib.sha256(json.dumps([_code(), *how], default=str).encode())
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@cache
def _code() -> str:
    """Fingerprint of the package's source: a checkout changes more often than the version's number."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def cached(key: str, make: Callable[[], T], load: Callable[[Path], T], save: Callable[[T, Path], None]) -> T:
    """Return the kept result under `key`, or a new one, which is then kept.

    A cache that cannot be used costs nothing.
    """
    path = cache_folder() / "results" / f"{key}.safetensors"
    with suppress(GagavatarError, OSError):
        if path.is_file():
            value = load(path)
            os.utime(path)
            return value
    value = make()
    with suppress(GagavatarError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        save(value, path)
        _prune(path.parent)
    return value


def _prune(folder: Path) -> None:
    """Remove the longest unused results until the rest is small enough."""
    files = sorted(folder.glob("*.safetensors"), key=lambda file: file.stat().st_mtime, reverse=True)
    total = 0
    for file in files:
        total += file.stat().st_size
        if total > _LIMIT_BYTES:
            file.unlink(missing_ok=True)
