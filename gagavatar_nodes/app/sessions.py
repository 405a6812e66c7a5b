"""What belongs to one visitor: folders, kept results, the running job. Nothing is shared between visitors."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import GagavatarError
from ..nodes import host
from ..temporary import replacement, temporary_folder
from .core_nodes import FileVideo, FrameVideo
from .executor import ResultCache

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 80
_MOST_LOADED = 8
"""Visitors whose avatars stay in memory."""
_HEAVY = ("avatar", "live")
"""Beginnings of the names of values that take much memory."""
_LOADED_SECONDS = 300.0
"""Since a visitor was seen last, for which they stay."""
FOLDER_PREFIX = "gagavatar-app-"


class CanceledError(GagavatarError):
    """The user has stopped the job."""


@dataclass
class Session:
    """One visitor's own things."""

    folder: Path
    key: str = ""
    """By which the browser's page calls itself."""
    results: ResultCache = field(default_factory=ResultCache)
    canceled: Any = field(default_factory=threading.Event)
    """Event of a thread or a process, set where the work in progress is to stop."""
    stops: int = 0
    """How often Stop was pressed."""
    values: dict[str, Any] = field(default_factory=dict)
    """State of the interactive tabs, by their names."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held while `values` change."""
    used: float = field(default_factory=time.monotonic)

    def program(self, show: Any) -> host.Host:
        """Return the host in which this visitor's nodes run; `show` as in `Host.show`."""
        output, inputs, temporary = (self._subfolder(name) for name in ("output", "input", "temporary"))
        return host.Host(output, inputs, temporary, show, self.check_canceled, FileVideo, FrameVideo)

    def stop(self) -> None:
        """Stop all work for this visitor, that which waits too."""
        self.stops += 1
        self.canceled.set()

    def stop_seen(self) -> Callable[[], bool]:
        """Return what tells whether Stop was pressed since now."""
        stops = self.stops
        return lambda: self.stops != stops

    def check_canceled(self) -> None:
        """Raise `CanceledError` where the user has pressed Stop."""
        if self.canceled.is_set():
            raise CanceledError("Stopped.")

    def take_in(self, upload: Path) -> str:
        """Put a file that the gate has admitted into the input folder; return the name by which graphs mean it."""
        name = _UNSAFE.sub("_", upload.name)[-_LONGEST_NAME:].lstrip(".") or "upload"
        target = self._subfolder("input") / name
        try:
            with replacement(target) as temporary:
                _link(upload, temporary)
        except OSError as error:
            raise GagavatarError(f"{name} cannot be read ({error.strerror}): upload it again") from error
        return name

    def tidy(self, most: int) -> None:
        """Remove the oldest inputs and results beyond `most` bytes each."""
        for name in ("input", "output"):
            files = [path for path in self._subfolder(name).rglob("*") if path.is_file()]
            files.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
            total = 0
            for path in files:
                total += path.stat().st_size
                if total > most:
                    path.unlink(missing_ok=True)

    def _subfolder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path


class Sessions:
    """All visitors, by the hash that the browser's page has; those not seen for a while are forgotten."""

    def __init__(self, root: Path | None = None, lifetime: float = 3600.0) -> None:
        """`root` holds all files, a temporary folder unless given; `lifetime` in seconds."""
        self.root = temporary_folder(FOLDER_PREFIX) if root is None else root
        self._lifetime = lifetime
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._sessions)

    def of(self, key: str | None) -> Session:
        """Return the session of a visitor, new where it is not known; each who has no key is another one."""
        self.sweep()
        key = key or secrets.token_hex(16)
        with self._lock:
            name = _name(key)
            if name not in self._sessions:
                self._sessions[name] = Session(self.root / name, key or "")
            session = self._sessions[name]
            session.used = time.monotonic()
            self._let_go()
            return session

    def _let_go(self) -> None:
        """Drop what was computed for the visitors who were not seen for longest; they get it again when they come."""
        recent = sorted(self._sessions.values(), key=lambda session: session.used, reverse=True)
        oldest = time.monotonic() - _LOADED_SECONDS
        for place, session in enumerate(recent):
            if place < _MOST_LOADED and session.used > oldest:
                continue
            if (session.values or len(session.results)) and session.lock.acquire(blocking=False):
                try:
                    for name in [one for one in session.values if one.startswith(_HEAVY)]:
                        del session.values[name]
                    session.results = ResultCache()
                finally:
                    session.lock.release()

    def close(self, key: str | None) -> None:
        """Forget a visitor: stop the job and remove the files."""
        name = _name(key or "")
        with self._lock:
            session = self._sessions.pop(name, None)
        if session is not None:
            _remove(session)

    def sweep(self) -> None:
        """Forget whom nobody has seen for longer than the lifetime."""
        oldest = time.monotonic() - self._lifetime
        with self._lock:
            gone = [name for name, session in self._sessions.items() if session.used < oldest]
            sessions = [self._sessions.pop(name) for name in gone]
        for session in sessions:
            _remove(session)


def _name(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()[:24]


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, which takes no room; where the system cannot, copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _remove(session: Session) -> None:
    session.stop()
    shutil.rmtree(session.folder, ignore_errors=True)
