"""The process that runs jobs. It keeps what it has loaded, and can be ended at any time."""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..recent import Recent
from .limits import Limits

if TYPE_CHECKING:
    import numpy as np

    from .executor import Graph, Outputs, ResultCache
    from .sessions import Session

Message = tuple[int, str, Any]
"""What a worker says: a job's number, and ("node", class), ("progress", (done, total, picture)), ("warning", text),
("done", outputs) or ("failed", (name of the error's class, text))."""
STOP = "stop"
"""What a worker is told where it is to stop."""

_VISITORS = 3
"""Whose results are kept."""
_PICTURE_SECONDS = 0.4
_PROGRESS_SECONDS = 0.1
_FIRST_TO_GO = "500"
"""Added to the score by which Linux chooses a process to end where memory runs out; the page has 0."""


@dataclass(frozen=True)
class Job:
    """What a worker is to do."""

    folder: Path
    """Of the visitor."""
    graph: Graph
    wanted: list[str] | None
    limits: Limits


def main(pipe: Connection) -> None:
    """Run jobs that come through `pipe`; the process ends with it."""
    os.environ["SPACES_ZERO_GPU"] = ""  # a lent GPU is for the page's own process
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes of a terminal
    faulthandler.enable()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    jobs: queue.SimpleQueue[tuple[int, Job]] = queue.SimpleQueue()
    canceled, say = threading.Event(), _Speaker(pipe)
    threading.Thread(target=_listen, args=(pipe, jobs, canceled), daemon=True).start()
    logging.getLogger("gagavatar_nodes").addHandler(_Warnings(say))
    caches: Recent[Path, ResultCache] = Recent(_VISITORS)
    _load()
    while True:
        say.job, job = jobs.get()
        try:
            say("done", texts_of(_run(job, canceled, caches, say)))
        except BaseException as error:  # told to the page's process, which ends this one where it wants
            _tell_failure(error, say)


def run_graph(job: Job, session: Session, on_node: Callable[[str, str], None]) -> Callable[[Any], dict[str, Outputs]]:
    """Return a function of the `show` of a host that runs a job's graph within its limits."""
    from ..media import budget
    from .executor import execute

    def run(show: Any) -> dict[str, Outputs]:
        job.limits.check_graph(job.graph)
        with budget.within(budget.Budget(job.limits.seconds)):
            return execute(job.graph, session.program(show), session.results, on_node, job.wanted)

    return run


def texts_of(outputs: dict[str, Outputs]) -> dict[str, Outputs]:
    """Return the outputs that are texts, such as names of files; others stay in this process."""
    return {
        id_: [[value if isinstance(value, str) else None for value in slot] for slot in slots]
        for id_, slots in outputs.items()
    }


def _listen(pipe: Connection, jobs: queue.SimpleQueue[tuple[int, Job]], canceled: threading.Event) -> None:
    """Hear what the page says; end this process when it is gone, even while compiled code runs."""
    try:
        while True:
            heard = pipe.recv()
            if heard == STOP:
                canceled.set()
            else:
                canceled.clear()
                jobs.put(heard)
    except (EOFError, OSError):
        os._exit(0)


def _run(job: Job, canceled: threading.Event, caches: Recent[Path, ResultCache], say: _Speaker) -> dict[str, Outputs]:
    from .executor import ResultCache
    from .sessions import Session

    session = Session(job.folder, results=caches.get_or_make(job.folder, ResultCache), canceled=canceled)
    return run_graph(job, session, lambda _, kind: say("node", kind))(say.progress)


class _Speaker:
    """Sends messages, from any thread; progress not more often than anybody sees."""

    job = 0
    """The number of the running job."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()
        self._shown = self._pictured = 0.0

    def __call__(self, kind: str, value: Any) -> None:
        with self._lock:
            self._pipe.send((self.job, kind, value))

    def progress(self, done: int, total: int | None, picture: np.ndarray | None) -> None:
        now = time.monotonic()
        if picture is not None and now - self._pictured > _PICTURE_SECONDS:
            self._shown = self._pictured = now
            self("progress", (done, total, picture))
        elif now - self._shown > _PROGRESS_SECONDS or done == total:
            self._shown = now
            self("progress", (done, total, None))


class _Warnings(logging.Handler):
    """Tells the page what the command line would print."""

    def __init__(self, say: _Speaker) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say("warning", record.getMessage())


def _tell_failure(error: BaseException, say: _Speaker) -> None:
    from ..errors import GagavatarError

    known = isinstance(error, GagavatarError)
    say("failed", (type(error).__name__ if known else "", str(error) if known else traceback.format_exc()))


def _load() -> None:
    """Import what every job needs, before the first one comes."""
    from . import executor, sessions  # noqa: F401
