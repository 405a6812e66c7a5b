"""What a service accepts, keeps and runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..settings import Settings
from .keys import Keys


@dataclass(frozen=True)
class Config:
    """Settings of one service."""

    data: Path
    """Folder of the ledger, uploads and results; the service's alone."""
    workers: int = 1
    """Tasks at a time."""
    devices: tuple[str, ...] = ()
    """Of networks, see `batch.sizing.Size`."""
    keys: Keys = field(default_factory=Keys)
    settings: Settings = field(default_factory=Settings)
    megabytes: int = 200
    """Of an upload."""
    pixels: int = 40_000_000
    """Of a portrait, and of a driver's frame."""
    seconds: float = 60.0
    """Of a driver."""
    edge: int = 1024
    """Pixels of a rendered edge."""
    queue: int = 64
    """Tasks that wait or run; more are refused."""
    quota: int = 0
    """Tasks that a key may begin in an hour; 0 for no end."""
    lifetime: float = 86400.0
    """Seconds that things are kept after they were last used."""
    task_seconds: float = 3600.0
    """That a task may take."""
    retries: int = 2
    live: int = 2
    """Live connections at a time."""
    grace: float = 30.0
    """Seconds that running tasks get to finish when the service stops; after that they go back into the queue."""
