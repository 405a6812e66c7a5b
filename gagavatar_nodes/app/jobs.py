"""Jobs wait in one line for processes that run them, and are reported on from the first moment to the last."""

from __future__ import annotations

import multiprocessing
import queue
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from ..background import Task
from ..errors import GagavatarError
from . import zero_gpu
from .executor import Graph
from .limits import Limits
from .reports import JobState, Report
from .sessions import CanceledError, Session
from .words import UnexpectedError
from .worker import STOP, Job, Message, main, run_graph, texts_of

_REPORT_SECONDS = 0.25
_STOP_SECONDS = 1.2
"""Seconds after which a job that was told to stop is ended with its process."""
_GUESS_SECONDS = 30.0
"""A job, as long as none was seen."""
_MODEL_NODE = "GAGAvatarLoadAvatarModel"
_KILLED = (
    "The system ended this job, most likely because memory ran out: use smaller pictures or fewer of them, or try "
    "again later"
)


class BusyError(GagavatarError):
    """No more jobs can wait."""


class Workers:
    """The processes that run jobs, and the line of those that wait for them."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._all = [_Worker(self._limits) for _ in range(self._limits.jobs)]
        self._free = list(self._all)
        self._line: list[object] = []
        self._changed = threading.Condition()
        self._usual = _GUESS_SECONDS

    def start(self) -> None:
        """Start the processes, so that the first job need not wait for them."""
        for worker in self._all:
            worker.start()

    def close(self) -> None:
        """End the processes, and the jobs that they run."""
        for worker in self._all:
            worker.close()

    def full(self) -> int | None:
        """Return the seconds after which to come back where no more jobs can wait, else None."""
        return round(self._wait(len(self._line))) if len(self._line) >= self._limits.waiting else None

    def run(self, session: Session, graph: Graph, wanted: list[str] | None = None) -> Iterator[Report]:
        """Report a few times a second; the last one holds the outputs. Closing the iterator stops the job.

        Raises:
            CanceledError: the user has stopped it.
            BusyError: too many jobs wait.
            GagavatarError: what a node raised, or that a limit is reached.
        """
        stopped, place = session.stop_seen(), object()
        self._enter(place)
        try:
            while (worker := self._turn(place)) is None:
                if stopped():
                    raise CanceledError("Stopped.")
                yield self._waiting(place)
        finally:
            self._leave(place)
        began = time.monotonic()
        try:
            job = Job(session.folder, graph, wanted, self._limits)
            lent = zero_gpu.is_here() and uses_network(graph)
            yield from _reports_of_lent_gpu(job, stopped) if lent else worker.run(job, stopped)
            self._usual += 0.3 * (time.monotonic() - began - self._usual)
        finally:
            with self._changed:
                self._free.append(worker)
                self._changed.notify_all()

    def _enter(self, place: object) -> None:
        with self._changed:
            if (wait := self.full()) is not None:
                raise BusyError(f"{len(self._line)} jobs are waiting already: come back in about {wait} s")
            self._line.append(place)

    def _turn(self, place: object) -> _Worker | None:
        """Return a process for the job where it is its turn, else None after a short wait."""
        with self._changed:
            if not (self._free and self._line[0] is place):
                self._changed.wait(_REPORT_SECONDS)
            return self._free.pop() if self._free and self._line[0] is place else None

    def _leave(self, place: object) -> None:
        with self._changed:
            self._line.remove(place)
            self._changed.notify_all()

    def _waiting(self, place: object) -> Report:
        with self._changed:
            ahead = self._line.index(place) + self._limits.jobs - len(self._free)
        return Report(ahead=ahead, seconds_left=self._wait(ahead))

    def _wait(self, ahead: int) -> float:
        return max(1.0, ahead * self._usual / self._limits.jobs)


class _Worker:
    """One place for a job; its process is started anew where it was ended."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: _Process | None = None
        self._closed = False

    def start(self) -> _Process:
        """Return the process, started where there is none."""
        if self._closed:
            raise CanceledError("Stopped.")
        if self._process is None or self._process.is_gone:
            self._process = _Process()
        return self._process

    def close(self) -> None:
        self._closed = True
        if self._process is not None:
            self._process.end()

    def run(self, job: Job, stopped: Callable[[], bool]) -> Iterator[Report]:
        """Run one job; see `Workers.run`."""
        process, state, ended = self.start(), JobState(), False
        deadline, told = time.monotonic() + self._limits.job_seconds, 0.0
        try:
            number = process.begin(job)
            while not ended:
                now = time.monotonic()
                if stopped() and not told:
                    process.say(STOP)
                    told = now
                if told and now - told > _STOP_SECONDS:
                    raise CanceledError("Stopped.")
                if now > deadline:
                    raise GagavatarError(
                        f"This took longer than {self._limits.job_seconds / 60:g} minutes: make it shorter, or smaller"
                    )
                if process.memory() > self._limits.job_memory:
                    raise GagavatarError(
                        f"This took more than {self._limits.job_memory / 1e9:.1f} GB of memory: use smaller pictures, "
                        "or fewer of them"
                    )
                for message in process.heard():
                    if message is None:
                        raise CanceledError("Stopped.") if self._closed else process.why_gone(state.report.stage)
                    if message[0] == number:
                        ended = message[1] in ("done", "failed")
                        state.hear(message)
                yield state.report
        finally:
            if not ended:
                process.end()
                _remove_unfinished(job.folder)
                if not self._closed:
                    self.start()


class _Process:
    """A process for jobs, from its start to its end.

    What it says is read in a thread: one that is ended while it speaks must not be waited for.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=main, args=(other,), name="gagavatar-jobs", daemon=True)
        self._process.start()
        other.close()
        self._heard: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(self._pipe, self._heard), name="gagavatar-jobs", daemon=True).start()
        self._jobs = 0

    @property
    def is_gone(self) -> bool:
        return not self._process.is_alive()

    def begin(self, job: Job) -> int:
        """Let a job begin; return the number that its messages bear."""
        self._jobs += 1
        self.say((self._jobs, job))
        return self._jobs

    def say(self, what: object) -> None:
        """Send something; where the process is gone, that is heard next."""
        with suppress(OSError, ValueError):
            self._pipe.send(what)

    def heard(self) -> Iterator[Message | None]:
        """Yield what has been said, after a short wait where it is nothing; None where the process is gone."""
        try:
            yield self._heard.get(timeout=_REPORT_SECONDS)
            while True:
                yield self._heard.get_nowait()
        except queue.Empty:
            if self.is_gone and self._heard.empty():
                yield None

    def end(self) -> None:
        self._process.kill()
        self._process.join()

    def memory(self) -> float:
        """Bytes of memory that it takes; 0 where nobody knows."""
        try:
            import psutil

            return float(psutil.Process(self._process.pid).memory_info().rss)
        except ImportError:
            return 0.0
        except psutil.Error:
            return 0.0

    def why_gone(self, stage: str) -> Exception:
        """Return the error of a process that ended by itself, or from outside, at a stage of its job."""
        self._process.join(_STOP_SECONDS)
        code = self._process.exitcode
        if code == -getattr(signal, "SIGKILL", 0):
            return GagavatarError(_KILLED)
        with suppress(ValueError):
            return UnexpectedError(f"The process of a job ended with {signal.Signals(-(code or 0)).name} at '{stage}'")
        return UnexpectedError(f"The process of a job ended with exit code {code} at '{stage}'")


def _listen(pipe: Connection, heard: queue.SimpleQueue[Message | None]) -> None:
    with pipe, suppress(EOFError, OSError):
        while True:
            heard.put(pipe.recv())
    heard.put(None)


def uses_network(graph: Graph) -> bool:
    """Whether the published network takes part in a graph."""
    from .. import settings

    asked = {node["inputs"].get("model") for node in graph.values() if node["class_type"] == _MODEL_NODE}
    return settings.availability(settings.Settings())[0] and "embedded" not in asked


def _reports_of_lent_gpu(job: Job, stopped: Callable[[], bool]) -> Iterator[Report]:
    for report in _run_on_lent_gpu(job):
        if stopped():
            raise CanceledError("Stopped.")
        yield report


@zero_gpu.with_gpu
def _run_on_lent_gpu(job: Job) -> Iterator[Report]:
    """Run in the process that has the GPU, in a thread: what the visitor's session keeps is not there."""
    state = JobState()

    def show(done: int, total: int | None, picture: np.ndarray | None) -> None:
        state.hear((0, "progress", (done, total, picture)))

    run = run_graph(job, Session(job.folder), lambda _, kind: state.hear((0, "node", kind)))
    task = Task(lambda: run(show), "gagavatar-job")
    while not task.wait(_REPORT_SECONDS):
        yield state.report
    yield Report("Done", outputs=texts_of(task.result()))


def _remove_unfinished(folder: Path) -> None:
    """Remove what a process was writing when it was ended."""
    for path in folder.rglob(".*.tmp*"):
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
