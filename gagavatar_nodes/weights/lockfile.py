"""The lock file: SHA-256 sums recorded when a file is first seen, compared at every load afterwards.

One `weights.lock.json` lies in each folder that holds weights (in the hub cache: in the repository's folder). Hashing
a gigabyte takes seconds, so a file whose path, size and modification time are those of its last full verification is
not hashed again. That catches truncation, a bad copy and a file swapped by mistake; somebody who can forge modification
times can also edit the lock file. `gagavatar weights verify` always reads every byte.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import WeightsError
from ..packages import program
from ..temporary import replacement
from .manifest import WeightFile

LOCK_NAME = "weights.lock.json"
_FORMAT = 1
_CHUNK = 1 << 20
_log = logging.getLogger(__name__)


class LockFile:
    """The lock file of one folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_NAME

    def entry(self, name: str) -> dict[str, Any] | None:
        """Return what was recorded of a file, or None if nothing was.

        Keys: `sha256`, `size`, `commit`, `recorded`, `verified`, and `accepted` where the user took another file than
        the manifest's on purpose. After `accept` there is only that until a file is seen.
        """
        return self._read()["files"].get(name)

    def record(self, weight: WeightFile, path: Path, sha256: str, commit: str | None) -> None:
        """Record a file that was just hashed as the one to expect from now on."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        entry = {
            "sha256": sha256,
            "size": path.stat().st_size,
            "repo": weight.repo,
            "path": weight.path,
            "commit": commit,
            "recorded": now,
            "verified": _stamp(path),
        }

        def change(files: dict[str, Any]) -> None:
            accepted = {"accepted": True} if files.get(weight.name, {}).get("accepted") else {}
            files[weight.name] = entry | accepted

        self._update(change)

    def mark_verified(self, name: str, path: Path) -> None:
        """Remember that the file at `path` had the recorded hash just now."""
        self._update(lambda files: files[name].__setitem__("verified", _stamp(path)) if name in files else None)

    def accept(self, name: str) -> None:
        """Drop the record of a file: its next load or download takes what it finds, whatever the manifest says."""
        self._update(lambda files: files.__setitem__(name, {"accepted": True}))

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"format": _FORMAT, "files": {}}
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"The lock file {self.path} cannot be read ({error}). Delete it to start anew."
            ) from error
        if not isinstance(document, dict) or not isinstance(document.get("files"), dict):
            raise WeightsError(f"{self.path} is not a weights lock file. Delete it to start anew.")
        if document.get("format", 0) > _FORMAT:
            raise WeightsError(f"The lock file {self.path} is from a newer version. Update this package.")
        return document

    def _update(self, change: Callable[[dict[str, Any]], Any]) -> None:
        try:
            with _exclusive(self.path):
                document = self._read()
                change(document["files"])
                _write_json(self.path, document)
        except OSError as error:
            # A folder that cannot be written, such as a shared drive, still serves its files.
            _log.warning("The lock file %s cannot be written (%s): hashes are not recorded.", self.path, error)


def check(weight: WeightFile, path: Path, full: bool = False) -> str:
    """Compare a file with the manifest and the lock file of its folder; record it if it is new there.

    Args:
        weight: the file's manifest entry.
        path: where it lies.
        full: read every byte even if nothing changed since the last verification.

    Returns:
        The SHA-256 sum, lower-case hexadecimal.

    Raises:
        WeightsError: the file is truncated, changed, or not the one the manifest names.
    """
    lock = LockFile(lock_folder(weight, path))
    entry = lock.entry(weight.name) or {}
    recorded, published = entry.get("sha256"), published_sha256(weight, entry)
    if recorded and not full and entry.get("verified") == _stamp(path) and published in (None, recorded):
        return recorded
    _check_size(weight, path, entry.get("size") or (None if entry.get("accepted") else weight.size))
    found = sha256_of(path)
    for known, origin in ((recorded, "recorded at first use"), (published, "in the manifest")):
        if known and known != found:
            raise WeightsError(
                f"{path} has SHA-256 {found}, but {known} is {origin}: it is damaged or was replaced. Delete it and "
                f"run `{program()} weights download {weight.name}`, or, if you replaced it on purpose, "
                f"`{program()} weights verify {weight.name} --relock`."
            )
    if recorded:
        lock.mark_verified(weight.name, path)
    else:
        lock.record(weight, path, found, commit_of(path))
    return found


def published_sha256(weight: WeightFile, entry: dict[str, Any]) -> str | None:
    """Return the manifest's hash, unless the lock file's `entry` says that another file was taken on purpose."""
    return None if entry.get("accepted") else weight.sha256


def lock_folder(weight: WeightFile, path: Path) -> Path:
    """Return the folder whose lock file speaks for `path`: its own, or the repository's in the hub cache."""
    parts = path.parts
    marker = cache_name(weight)
    return Path(*parts[: parts.index(marker) + 1]) if marker in parts else path.parent


def cache_name(weight: WeightFile) -> str:
    """Name of the repository's folder in the hub cache."""
    return "models--" + (weight.repo or weight.name).replace("/", "--")


def commit_of(path: Path) -> str | None:
    """Return the commit that a file in the hub cache belongs to; None elsewhere."""
    parts = path.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts[:-1] else None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, lower-case hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _check_size(weight: WeightFile, path: Path, expected: int | None) -> None:
    size = path.stat().st_size
    if size == 0 or (expected is not None and size != expected):
        raise WeightsError(
            f"{path} has {size:,} bytes instead of {'some' if expected is None else f'{expected:,}'}: it is "
            f"truncated or another file. Delete it and run `{program()} weights download {weight.name}`, or, if you "
            f"replaced it on purpose, `gagavatar weights verify {weight.name} --relock`."
        )


def _stamp(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {"file": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    # filelock comes with PyTorch and with huggingface-hub, without which no weights are of use.
    from filelock import FileLock

    with FileLock(f"{path}.guard", timeout=30):
        yield


def _write_json(path: Path, document: dict[str, Any]) -> None:
    with replacement(path) as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
