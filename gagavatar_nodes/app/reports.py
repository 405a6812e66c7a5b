"""What is told of a job while it waits and runs."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from .. import errors
from ..errors import GagavatarError
from .executor import Outputs, title
from .sessions import CanceledError
from .words import UnexpectedError
from .worker import Message


@dataclass
class Report:
    """How far a job has come."""

    stage: str = "Starting"
    done: int = 0
    total: int | None = None
    picture: np.ndarray | None = None
    """[H, W, 3 or 4] uint8, the newest preview."""
    seconds_left: float | None = None
    """Of this stage, or of the jobs before this one; None where nobody knows."""
    outputs: dict[str, Outputs] | None = None
    """The texts among the results, such as names of files; in the last report only."""
    ahead: int | None = None
    """How many jobs come before this one; None once it runs."""
    warnings: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """In words."""
        left = "" if self.seconds_left is None else f", about {max(1, round(self.seconds_left))} s left"
        if self.ahead is not None:
            jobs = "1 job is" if self.ahead == 1 else f"{self.ahead} jobs are"
            return f"Waiting: {jobs} before yours{left}" if self.ahead else "Starting …"
        if self.total is None or self.total < 2:
            return f"{self.stage} …"
        return f"{self.stage}: {self.done} of {self.total} frames{left}"


class JobState:
    """What the messages of a job come to."""

    def __init__(self) -> None:
        self.report = Report()
        self._began = time.monotonic()

    def hear(self, message: Message) -> None:
        """Take a message in.

        Raises:
            GagavatarError: the job has failed.
            UnexpectedError: in a way that nobody foresaw.
        """
        _, kind, value = message
        if kind == "node":
            self._began = time.monotonic()
            self.report = Report(title(value), picture=self.report.picture, warnings=self.report.warnings)
        elif kind == "progress":
            done, total, picture = value
            seconds = time.monotonic() - self._began
            left = seconds / done * (total - done) if total and done else None
            shown = self.report.picture if picture is None else picture
            self.report = replace(self.report, done=done, total=total, seconds_left=left, picture=shown)
        elif kind == "warning":
            self.report = replace(self.report, warnings=(*self.report.warnings, value))
        elif kind == "done":
            self.report = Report("Done", outputs=value, warnings=self.report.warnings)
        else:
            name, text = value
            if not name:
                raise UnexpectedError(text)
            raise (CanceledError if name == "CanceledError" else getattr(errors, name, GagavatarError))(text)
