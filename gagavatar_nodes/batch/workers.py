"""Processes that do tasks one after the other. One that dies is replaced, and only its task is done again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from ..errors import GagavatarError
from ..packages import NO_MEMORY, lacks_memory
from ..processes import end_with_parent
from ..recent import Recent
from .ledger import Task
from .tasks import HOPELESS, KEPT, Workbench

_REPORT_SECONDS = 0.25


@dataclass(frozen=True)
class Event:
    """What a worker says of its task."""

    task: str


@dataclass(frozen=True)
class Advanced(Event):
    """So many frames are done."""

    done: int
    total: int | None


@dataclass(frozen=True)
class Finished(Event):
    """It is done."""

    result: Mapping[str, Any]


@dataclass(frozen=True)
class Stopped(Event):
    """It failed, or its worker died."""

    message: str
    hopeless: bool
    """Whether another attempt would fail too."""
    internal: bool = False
    """Whether the error is the program's fault."""


@dataclass
class Slot:
    """A place for one task at a time."""

    number: int
    held: Recent[str, None] = field(default_factory=lambda: Recent(KEPT))
    """Tasks whose results the worker keeps in memory."""

    def hold(self, near: str | None) -> None:
        """Note that the worker now keeps the result of a task."""
        if near is not None:
            self.held.put(near, None)


class Workers(Protocol):
    """Where tasks are done: processes here, or actors of a Ray cluster."""

    @property
    def count(self) -> int:
        """Tasks at a time."""
        ...

    def idle(self) -> Sequence[Slot]:
        """Return the slots that can take a task."""
        ...

    def busy(self) -> Sequence[str]:
        """Return the tasks that are being done."""
        ...

    def held(self) -> Sequence[str]:
        """Return what the workers keep in memory."""
        ...

    def start(self, slot: Slot, task: Task) -> None:
        """Give a task to an idle slot."""
        ...

    def events(self, seconds: float) -> Sequence[Event]:
        """Wait so long for something to be said."""
        ...

    def stop(self, task: str) -> None:
        """End the worker of a task at once; nothing more is said of it."""
        ...

    def close(self) -> None:
        """End all workers at once."""
        ...


@dataclass
class _ProcessSlot(Slot):
    device: str | None = None
    process: BaseProcess | None = None
    pipe: Connection | None = None
    task: str | None = None
    started: float = 0.0


class Processes:
    """Worker processes of this machine, started when they are first needed."""

    def __init__(self, count: int, devices: Sequence[str] = (), threads: int = 1, most_seconds: float | None = None):
        """Make places for workers.

        Args:
            count: processes.
            devices: of networks, shared out among them; none leaves it to the settings.
            threads: of the rasterizer and the encoder in each.
            most_seconds: that a task may take.
        """
        self._context = multiprocessing.get_context("spawn")
        self._slots = [_ProcessSlot(i, device=devices[i % len(devices)] if devices else None) for i in range(count)]
        self._threads, self._most = threads, most_seconds
        self._woken, self._waker = self._context.Pipe(duplex=False)
        self._lock = threading.RLock()

    @property
    def count(self) -> int:
        """See `Workers`."""
        return len(self._slots)

    def idle(self) -> Sequence[Slot]:
        """See `Workers`."""
        return [slot for slot in self._slots if slot.task is None]

    def busy(self) -> Sequence[str]:
        """See `Workers`."""
        return [slot.task for slot in self._slots if slot.task is not None]

    def held(self) -> Sequence[str]:
        """See `Workers`."""
        return [one for slot in self._slots for one in slot.held]

    def start(self, slot: Slot, task: Task) -> None:
        """See `Workers`."""
        assert isinstance(slot, _ProcessSlot)
        with self._lock:
            if slot.process is None or slot.pipe is None or not slot.process.is_alive():
                self._replace(slot)
            assert slot.pipe is not None
            slot.task, slot.started = task.id, time.monotonic()
            try:
                slot.pipe.send((task.id, task.kind, task.spec))
            except OSError:
                return  # it has died this moment, which `events` will find
            slot.hold(task.near)

    def events(self, seconds: float) -> Sequence[Event]:
        """See `Workers`."""
        slots = {slot.pipe: slot for slot in self._slots if slot.pipe is not None and slot.task is not None}
        ready = wait([*slots, self._woken], seconds)
        found: list[Event] = []
        with self._lock:
            for pipe in ready:
                if pipe is self._woken:
                    self._woken.recv_bytes()
                    continue
                slot = slots[pipe]  # type: ignore[index]
                if slot.pipe is pipe:  # and was not stopped meanwhile
                    found += self._heard(slot)
            found += self._overdue()
        return found

    def wake(self) -> None:
        """Have a waiting `events` return; from any thread."""
        self._waker.send_bytes(b"!")

    def stop(self, task: str) -> None:
        """See `Workers`."""
        with self._lock:
            for slot in self._slots:
                if slot.task == task:
                    self._end(slot)

    def close(self) -> None:
        """See `Workers`."""
        with self._lock:
            for slot in self._slots:
                self._end(slot)

    def _heard(self, slot: _ProcessSlot) -> list[Event]:
        assert slot.pipe is not None
        assert slot.task is not None
        try:
            event: Event = slot.pipe.recv()
        except (EOFError, OSError):
            event = Stopped(slot.task, self._obituary(slot), hopeless=False)
            self._end(slot)
            return [event]
        if not isinstance(event, Advanced):
            slot.task = None
        return [event]

    def _overdue(self) -> list[Event]:
        now, found = time.monotonic(), list[Event]()
        for slot in self._slots:
            if self._most is not None and slot.task is not None and now - slot.started > self._most:
                message = f"it took longer than {self._most:g} s: shorten the driver, or make the picture smaller"
                found.append(Stopped(slot.task, message, hopeless=True))
                self._end(slot)
        return found

    def _obituary(self, slot: _ProcessSlot) -> str:
        assert slot.process is not None
        slot.process.join(2.0)
        code = slot.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            return f"its process was ended by {name}: the memory may be too small, or the file damaged"
        return f"its process ended with code {code}: the file may be damaged"

    def _replace(self, slot: _ProcessSlot) -> None:
        self._end(slot)
        mine, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(theirs, slot.device, self._threads), name=f"worker-{slot.number}", daemon=True
        )
        process.start()  # a signal may end this: what has not started cannot be killed, and ends with its pipe
        slot.process, slot.pipe = process, mine
        theirs.close()

    def _end(self, slot: _ProcessSlot) -> None:
        if slot.process is not None:
            slot.process.kill()
            slot.process.join()
        if slot.pipe is not None:
            slot.pipe.close()
        slot.process = slot.pipe = slot.task = None
        slot.held.clear()


def do_task(bench: Workbench, task: str, kind: str, spec: Mapping[str, Any], report: Any) -> Event:
    """Do one task on a workbench; errors become what is said of it."""
    try:
        return Finished(task, bench.do(kind, spec, report))
    except GagavatarError as error:
        return Stopped(task, " ".join(str(error).splitlines()), hopeless=isinstance(error, HOPELESS))
    except Exception as error:
        if lacks_memory(error):
            return Stopped(task, NO_MEMORY, hopeless=False)
        import traceback

        traceback.print_exc()
        return Stopped(task, f"an error of the program ({type(error).__name__})", hopeless=False, internal=True)


def limit_threads(threads: int) -> None:
    """Keep this process to few threads, because others work beside it.

    It also makes encoded files independent of the machine's number of cores.
    """
    import cv2

    cv2.setNumThreads(1)
    os.environ["GAGAVATAR_THREADS"] = str(threads)


def _work(pipe: Connection, device: str | None, threads: int) -> None:
    """In a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    end_with_parent()
    limit_threads(threads)
    bench = Workbench(device)
    try:
        while True:
            task, kind, spec = pipe.recv()
            pipe.send(do_task(bench, task, kind, spec, _Reporter(pipe, task)))
    except (EOFError, OSError):  # the parent is gone, or wants no more
        pass
    finally:
        bench.close()


class _Reporter:
    """Sends progress a few times a second."""

    def __init__(self, pipe: Connection, task: str) -> None:
        self._pipe, self._task, self._next = pipe, task, 0.0

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _REPORT_SECONDS
            self._pipe.send(Advanced(self._task, done, total))
