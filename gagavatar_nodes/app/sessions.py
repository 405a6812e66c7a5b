"""What belongs to one visitor: folders, kept results, the running job. Nothing is shared between visitors."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import GagavatarError
from ..nodes import host
from ..temporary import owned_name, sweep
from .core_nodes import FileVideo, FrameVideo
from .executor import ResultCache

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 80
FOLDER_PREFIX = "gagavatar-app-"


class CanceledError(GagavatarError):
    """The user has stopped the job."""


@dataclass
class Session:
    """One visitor's own things."""

    folder: Path
    results: ResultCache = field(default_factory=ResultCache)
    canceled: threading.Event = field(default_factory=threading.Event)
    values: dict[str, Any] = field(default_factory=dict)
    """State of the interactive tabs, by their names."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held while `values` change."""
    used: float = field(default_factory=time.monotonic)

    def program(self, show: Any) -> host.Host:
        """Return the host in which this visitor's nodes run; `show` as in `Host.show`."""
        output, inputs, temporary = (self._subfolder(name) for name in ("output", "input", "temporary"))
        return host.Host(output, inputs, temporary, show, self.check_canceled, FileVideo, FrameVideo)

    def check_canceled(self) -> None:
        """Raise `CanceledError` where the user has pressed Stop."""
        if self.canceled.is_set():
            raise CanceledError("Stopped.")

    def take_in(self, upload: str | os.PathLike[str]) -> str:
        """Copy an uploaded file into the input folder; return the name by which graphs mean it."""
        source = Path(upload)
        name = _UNSAFE.sub("_", source.name)[-_LONGEST_NAME:].lstrip(".") or "upload"
        target = self._subfolder("input") / name
        try:
            shutil.copyfile(source, target)
        except OSError as error:
            raise GagavatarError(f"{source.name} cannot be read ({error.strerror}): upload it again") from error
        return name

    def _subfolder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path


class Sessions:
    """All visitors, by the hash that the browser's page has; those not seen for a while are forgotten."""

    def __init__(self, root: Path | None = None, lifetime: float = 3600.0) -> None:
        """`root` holds all files, a temporary folder unless given; `lifetime` in seconds."""
        self.root = _own_folder() if root is None else root
        self._lifetime = lifetime
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._sessions)

    def of(self, key: str | None) -> Session:
        """Return the session of a visitor, new where it is not known."""
        self.sweep()
        with self._lock:
            name = hashlib.sha256((key or "anonymous").encode()).hexdigest()[:24]
            if name not in self._sessions:
                self._sessions[name] = Session(self.root / name)
            session = self._sessions[name]
            session.used = time.monotonic()
            return session

    def close(self, key: str | None) -> None:
        """Forgets a visitor: stops the job and removes the files."""
        name = hashlib.sha256((key or "anonymous").encode()).hexdigest()[:24]
        with self._lock:
            session = self._sessions.pop(name, None)
        if session is not None:
            _remove(session)

    def sweep(self) -> None:
        """Forgets whom nobody has seen for longer than the lifetime."""
        oldest = time.monotonic() - self._lifetime
        with self._lock:
            gone = [name for name, session in self._sessions.items() if session.used < oldest]
            sessions = [self._sessions.pop(name) for name in gone]
        for session in sessions:
            _remove(session)

    def close_all(self) -> None:
        """Remove every file, when the program ends."""
        with self._lock:
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            _remove(session)
        shutil.rmtree(self.root, ignore_errors=True)


def _own_folder() -> Path:
    """Return a new temporary folder that nobody else may read; those of pages that were killed are removed."""
    place = Path(tempfile.gettempdir())
    sweep(place)
    folder = place / f"{FOLDER_PREFIX}{owned_name()}"
    folder.mkdir(mode=0o700)
    return folder


def _remove(session: Session) -> None:
    session.canceled.set()
    shutil.rmtree(session.folder, ignore_errors=True)
