"""Brings the ledger's tasks to the workers, and what these say into the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable

from .ledger import LEASE_SECONDS, RUNNING, Ledger
from .storage import remove
from .workers import Advanced, Event, Finished, Stopped, Workers

_RENEW_SECONDS = LEASE_SECONDS / 4
_WAIT_SECONDS = 0.5


class Runner:
    """A scheduler: no more tasks are taken than there are workers."""

    def __init__(
        self,
        ledger: Ledger,
        workers: Workers,
        retries: int = 2,
        patience: float = 1.0,
        keep: bool = True,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        """Bring them together.

        Args:
            ledger: held by this program.
            workers: idle.
            retries: attempts after the first of a task that may fail by chance.
            patience: seconds before the second attempt; doubled for each further one.
            keep: leave avatars and motions that no open task needs any more.
            on_event: told of all that happens.
        """
        self.ledger, self.workers = ledger, workers
        self._retries, self._patience, self._keep = retries, patience, keep
        self._on_event = on_event
        self._renewed = 0.0

    def step(self, seconds: float = _WAIT_SECONDS, take: bool = True) -> bool:
        """Give out tasks, unless `take` is False, and wait so long for news; whether anything is at work."""
        now = time.monotonic()
        if now - self._renewed > _RENEW_SECONDS:
            self.ledger.renew()
            self._renewed = now
        if take:
            self._assign()
        for event in self.workers.events(seconds):
            self._note(event)
        return bool(self.workers.busy())

    def release(self) -> None:
        """End the workers, and put back what they were doing, or were about to when a signal came."""
        self.workers.close()
        for task in self.ledger.tasks(None, RUNNING):
            self.ledger.release(task.id)

    def _assign(self) -> None:
        for slot in self.workers.idle():
            task = self.ledger.claim(list(slot.held), [one for one in self.workers.held() if one not in slot.held])
            if task is None:
                return
            self.workers.start(slot, task)

    def _note(self, event: Event) -> None:
        if isinstance(event, Advanced):
            self.ledger.progress(event.task, event.done, event.total)
        elif isinstance(event, Finished):
            self.ledger.finish(event.task, event.result)
            self._tidy(event.task)
        elif isinstance(event, Stopped):
            self._fail(event)
        if self._on_event is not None:
            self._on_event(event)

    def _fail(self, event: Stopped) -> None:
        task = self.ledger.get(event.task)
        if task is None:
            return
        if event.hopeless or task.attempts > self._retries:
            self.ledger.fail(event.task, event.message)
            self._tidy(event.task)
        else:
            self.ledger.fail(event.task, event.message, self._patience * 2 ** (task.attempts - 1))

    def _tidy(self, task: str) -> None:
        if not self._keep:
            for unused in self.ledger.drop_unused(task):
                remove(unused.spec["result"])
