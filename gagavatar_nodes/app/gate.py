"""The one gate for files that enter: uploads lie in folders of their own, and belong to who uses them first.

The name of such a folder is drawn at random and told to nobody but the browser that sent the file, so it cannot be
guessed; the first session that hands the file in owns it from then on.
"""

from __future__ import annotations

import contextvars
import os
import re
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import GagavatarError, MediaError
from .limits import Limits

_TOKEN = re.compile(r"[0-9a-f]{48}")
_REST = 600.0
"""Seconds after which an upload that nobody uses makes room for others."""
_MOST_FILES, _MOST_UNUSED, _MOST_USED = 16, 100, 64
"""Files of one upload; uploads that a client may have before it uses them, and that a session may use."""
_UPLOAD_DEPTH, _COPY_DEPTH = 3, 2
"""Parts of a path below the root: Gradio makes a folder by the content, for uploads inside of the request's."""
_SWEEP_SECONDS = 60.0
_DEEPEST, _MOST_VALUES = 32, 20_000
"""Of the values of one call."""
_NOT_YOURS = "A file is not there any more, or was not uploaded on this page: upload it again"
_receiving: contextvars.ContextVar[str] = contextvars.ContextVar("receiving", default="")


class UploadError(GagavatarError):
    """There is no room for an upload."""


@dataclass
class _Upload:
    client: str
    size: int = 0
    came: float = field(default_factory=time.monotonic)
    whole: bool = False
    owner: str | None = None


class UploadFolder(os.PathLike[str]):
    """Gradio's folder for uploads; while a request is received, the folder of that request."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __fspath__(self) -> str:
        return os.path.join(self.root, _receiving.get())

    __str__ = __fspath__


class Gate:
    """Knows who has uploaded what, and lets nothing else in."""

    def __init__(self, root: Path, limits: Limits) -> None:
        """`root` is Gradio's folder for uploads."""
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.resolve()
        self._limits = limits
        self._uploads: dict[str, _Upload] = {}
        self._bundled: list[Path] = []
        self._lock = threading.Lock()
        self._swept = 0.0

    def bundle(self, path: Path) -> None:
        """Let every visitor hand in a file of the package."""
        if path not in self._bundled:
            self._bundled.append(path)

    @contextmanager
    def receiving(self, client: str) -> Iterator[str]:
        """Receive an upload into a folder of its own; it stays only where `keep` was called with its name.

        Raises:
            UploadError: there is no room for it.
        """
        self._make_room(client)
        token = secrets.token_hex(24)
        with self._lock:
            self._uploads[token] = _Upload(client)
        marked = _receiving.set(token)
        try:
            self.grow(token, 0)
            yield token
        finally:
            _receiving.reset(marked)
            if not self._uploads[token].whole:
                self._remove(token)

    def grow(self, token: str, size: int) -> None:
        """Count the bytes that have come of an upload so far.

        Raises:
            UploadError: there is no room for more.
        """
        disk = shutil.disk_usage(self.root).free
        with self._lock:
            upload = self._uploads[token]
            upload.size, upload.came = size, time.monotonic()
            own = sum(one.size for one in self._uploads.values() if one.client == upload.client)
            every = sum(one.size for one in self._uploads.values())
        limits = self._limits
        if own > limits.visitor_bytes or every > limits.all_bytes or disk < limits.spare_disk:
            raise UploadError("There is no room for more uploads at the moment: try again in some minutes")

    def keep(self, token: str) -> None:
        """Let an upload stay that has come whole.

        Raises:
            UploadError: it holds too many files.
        """
        files = [path for path in (self.root / token).rglob("*") if path.is_file()]
        if len(files) > _MOST_FILES:
            raise UploadError(f"At most {_MOST_FILES} files can be uploaded at once: send less")
        upload = self._uploads[token]
        upload.size, upload.whole = sum(path.stat().st_size for path in files), True

    def admit(self, path: str | os.PathLike[str], session: str) -> Path:
        """Return a file that this session may use.

        Raises:
            MediaError: it is no upload of this session, no regular file, or too large.
        """
        try:
            given = Path(path)
            inside = given.relative_to(self.root).parts if given.is_absolute() else ()
            state = given.lstat()
            plain = ".." not in inside and stat.S_ISREG(state.st_mode) and given.resolve() == given
        except (OSError, ValueError, TypeError, RuntimeError):
            raise MediaError(_NOT_YOURS) from None
        uploaded = len(inside) == _UPLOAD_DEPTH and plain and self._is_own(inside[0], session)
        if not uploaded and not (len(inside) == _COPY_DEPTH and plain and self._is_bundled(given, state.st_size)):
            raise MediaError(_NOT_YOURS)
        if state.st_size > self._limits.megabytes * 1_000_000:
            raise MediaError(
                f"{given.name} has {state.st_size / 1e6:.0f} MB, but at most {self._limits.megabytes} MB can be used: "
                "shorten it, or make it smaller"
            )
        return given

    def admit_all(self, values: list[Any], session: str) -> None:
        """Check every file that the values of a call name, at any depth, and mark it as a file for Gradio.

        Raises:
            MediaError: as `admit`.
            GagavatarError: the values are nested too deeply, or too many.
        """
        pending: list[tuple[Any, int]] = [(values, 0)]
        for _ in range(_MOST_VALUES):
            if not pending:
                return
            value, depth = pending.pop()
            if depth > _DEEPEST:
                break
            if isinstance(value, dict):
                if "path" in value:
                    self._admit_mapping(value, session)
                pending += [(one, depth + 1) for one in value.values()]
            elif isinstance(value, list):
                pending += [(one, depth + 1) for one in value]
        raise GagavatarError("What was sent holds too many values, or too many inside of each other: send less at once")

    def forget(self, session: str) -> None:
        """Remove what a visitor has uploaded."""
        for token in [token for token, one in list(self._uploads.items()) if one.owner == session]:
            self._remove(token)

    def sweep(self) -> None:
        """Remove uploads of visitors who are gone, and Gradio's oldest copies of results beyond the bound of all."""
        now = time.monotonic()
        if now < self._swept + _SWEEP_SECONDS:
            return
        self._swept = now
        for token in [one for one, upload in list(self._uploads.items()) if upload.came < now - self._limits.lifetime]:
            self._remove(token)
        copies = [path for path in self.root.glob("*/*") if path.is_file() and not _TOKEN.fullmatch(path.parent.name)]
        copies.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        total = 0
        for path in copies:
            total += path.stat().st_size
            if total > self._limits.all_bytes:
                path.unlink(missing_ok=True)

    def _admit_mapping(self, value: dict[str, Any], session: str) -> None:
        if value["path"] is None:
            if not str(value.get("url") or "data:").startswith("data:"):
                raise MediaError(_NOT_YOURS)
            return
        self.admit(value["path"], session)
        value.pop("url", None)
        value["meta"] = {"_type": "gradio.FileData"}

    def _is_own(self, token: str, session: str) -> bool:
        with self._lock:
            upload = self._uploads.get(token)
            if upload is None or not upload.whole:
                return False
            upload.owner = upload.owner or session
            upload.came = time.monotonic()
            own = [one for one, other in self._uploads.items() if other.owner == session]
        if upload.owner == session and len(own) > _MOST_USED:  # pieces of sound, one after the other
            self._remove(min(own, key=lambda one: self._uploads[one].came))
        return upload.owner == session

    def _is_bundled(self, path: Path, size: int) -> bool:
        return any(one.stat().st_size == size and one.read_bytes() == path.read_bytes() for one in self._bundled)

    def _make_room(self, client: str) -> None:
        """Remove uploads that nobody uses: the client's oldest, and all old ones where half of the room is taken."""
        oldest = time.monotonic() - _REST
        with self._lock:
            unused = [(one.came, one, token) for token, one in self._uploads.items() if one.whole and not one.owner]
            every = sum(one.size for one in self._uploads.values())
        unused.sort(key=lambda entry: entry[0])
        own = [token for _, one, token in unused if one.client == client]
        gone = own[: max(0, len(own) - _MOST_UNUSED)]
        if every > self._limits.all_bytes / 2:
            gone += [token for came, _, token in unused if came < oldest]
        for token in gone:
            self._remove(token)

    def _remove(self, token: str) -> None:
        with self._lock:
            self._uploads.pop(token, None)
        if _TOKEN.fullmatch(token):
            shutil.rmtree(self.root / token, ignore_errors=True)
