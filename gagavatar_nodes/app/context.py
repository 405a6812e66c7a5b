"""What the tabs share."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr

from ..assets import PORTRAITS
from ..assets import path as asset
from ..avatars import Avatar
from ..errors import GagavatarError
from .avatars import lift_cached
from .gate import Gate
from .graphs import Source
from .jobs import Workers
from .limits import Limits
from .sessions import Session, Sessions

EXAMPLE_PORTRAIT, EXAMPLE_DRIVER = "example_portrait.jpg", "example_driver.mp4"
EXAMPLE_VOICE = "example_voice.flac"
JOBS = "jobs"
"""Name of the queue that heavy work waits in."""


@dataclass(frozen=True)
class Context:
    """Visitors and limits."""

    sessions: Sessions
    gate: Gate
    workers: Workers
    limits: Limits = field(default_factory=Limits)
    may_download: bool = True
    """Whether visitors may fetch weights to this machine."""

    @property
    def job_calls(self) -> int:
        """Calls that run or wait at the same time; their jobs wait in the line of `workers`, which tells its length."""
        return self.limits.waiting + self.limits.jobs + 4

    def session(self, request: gr.Request | None) -> Session:
        """Return the visitor who sent a request; without a session of its own, a request is a visitor of its own."""
        self.gate.sweep()
        return self.sessions.of(None if request is None else request.session_hash)

    def take_in(self, session: Session, upload: str) -> str:
        """Let a file in that a visitor hands over; return the name by which graphs mean it.

        Raises:
            MediaError: it is no upload of this visitor, or too large.
        """
        return session.take_in(self.gate.admit(upload, session.key))

    def example(self, name: str) -> str:
        """Return a bundled file, copied to where Gradio may show it from."""
        folder = self.sessions.root / "examples"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / name).is_file():
            shutil.copyfile(asset(name), folder / name)
        self.gate.bundle(asset(name))
        return str(folder / name)

    def portrait(self, session: Session, upload: str | None) -> Source:
        """Return the portrait that is shown, as a source of a graph."""
        if not upload:
            raise GagavatarError("There is no portrait: upload one, take one with the webcam, or choose the example")
        path = self.gate.admit(upload, session.key)
        for name, file in PORTRAITS.items():
            if same_file(path, asset(file)):
                return Source("example", name)
        return Source("file", session.take_in(path))

    def driver(self, session: Session, upload: str | None) -> Source:
        """Return the driving video that is shown, as a source of a graph."""
        if not upload:
            raise GagavatarError("There is no driving video: upload one, record one, or choose a built-in motion")
        path = self.gate.admit(upload, session.key)
        if same_file(path, asset(EXAMPLE_DRIVER)):
            return Source("example")
        return Source("file", session.take_in(path))

    def voice(self, session: Session, upload: str | None) -> Source:
        """Return the voice that is heard, as a source of a graph."""
        if not upload:
            raise GagavatarError("There is no voice: upload a sound, record one, or choose another driver")
        path = self.gate.admit(upload, session.key)
        if same_file(path, asset(EXAMPLE_VOICE)):
            return Source("voice")
        return Source("voice", session.take_in(path))

    def avatar(self, session: Session, upload: str | None, model: str = "auto") -> Avatar:
        """Return the avatar of the portrait that is shown."""
        kept = session.values.get(f"avatar {model}")
        if kept is None or kept[0] != upload:
            with session.lock:
                kept = upload, lift_cached(session, self.portrait(session, upload), model)
                session.values[f"avatar {model}"] = kept
        return kept[1]

    def result(self, request: gr.Request | None, name: str) -> Path:
        """Where a file for the visitor to download goes."""
        folder = self.session(request).folder / "output"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name


def same_file(path: Path, other: Path) -> bool:
    """Whether two files have the same bytes."""
    return path.stat().st_size == other.stat().st_size and path.read_bytes() == other.read_bytes()
