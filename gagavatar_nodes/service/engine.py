"""The thread that has the tasks done."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from ..batch.ledger import LEASE_SECONDS
from ..batch.runner import Runner
from ..batch.workers import Advanced, Event, Processes, Stopped
from .config import Config
from .store import Store

_SWEEP_SECONDS = 60.0


class Engine:
    """Brings tasks to worker processes until it is stopped."""

    def __init__(self, config: Config, store: Store, on_end: Callable[[str, str, float], None]) -> None:
        """`on_end` is told of each finished attempt: kind, outcome, seconds."""
        self._config, self._store, self._on_end = config, store, on_end
        self.workers = Processes(config.workers, config.devices, most_seconds=config.task_seconds)
        self._runner = Runner(store.ledger, self.workers, config.retries, on_event=self._note)
        self._commands: deque[Callable[[], None]] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.error: BaseException | None = None

    @property
    def is_well(self) -> bool:
        """Whether it is at work."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def start(self) -> None:
        """Take over what an earlier service left, and begin."""
        self._store.ledger.hold(patience=LEASE_SECONDS + 1)
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something new."""
        self.workers.wake()

    def cancel(self, task: str) -> None:
        """End the worker of a task that was canceled."""
        self._commands.append(lambda: self.workers.stop(task))
        self.workers.wake()

    def stop(self) -> None:
        """Let running tasks finish for the time of grace; what remains goes back into the queue."""
        self._stopping.set()
        self.workers.wake()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # the service is not ready any more, and says so
            self.error = error
            raise
        finally:
            self._runner.release()

    def _work(self) -> None:
        swept = 0.0
        while not self._stopping.is_set():
            while self._commands:
                self._commands.popleft()()
            self._runner.step()
            if time.monotonic() - swept > _SWEEP_SECONDS:
                self._store.sweep()
                swept = time.monotonic()
        end = time.monotonic() + self._config.grace
        while self.workers.busy() and time.monotonic() < end:
            self._runner.step(take=False)

    def _note(self, event: Event) -> None:
        if isinstance(event, Advanced):
            return
        task = self._store.ledger.get(event.task)
        if task is None:  # removed meanwhile
            return
        if task.state in ("done", "failed"):
            self._store.settle(task)
        outcome = task.state if task.state != "waiting" else "retried"
        if isinstance(event, Stopped) and event.internal:
            outcome = "error"
        self._on_end(task.kind, outcome, float((task.result or {}).get("seconds", 0.0)))
