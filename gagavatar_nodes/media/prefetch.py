"""Run an iterator in a thread of its own, a few items ahead of its consumer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.1


class Prefetch(Generic[T]):
    """Iterates `items` in a background thread, at most `depth` items ahead. Close it when done; a context manager too.

    An error in `items` is raised again in the consumer, after the items before it.
    """

    def __init__(self, items: Iterable[T], depth: int = 4) -> None:
        self._queue: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(items,), name="prefetch", daemon=True)
        self._thread.start()

    def __enter__(self) -> Prefetch[T]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[T]:
        while not self._stopped.is_set():
            try:
                alive, item = self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if alive:
                yield item  # type: ignore[misc]
                continue
            self.close()
            if item is not None:
                raise item  # type: ignore[misc]

    def close(self) -> None:
        """Stop the thread and wait for the item it is at."""
        self._stopped.set()
        self._thread.join()

    def _run(self, items: Iterable[T]) -> None:
        failure: BaseException | None = None
        try:
            for item in items:
                if not self._put((True, item)):
                    break
        except BaseException as error:  # every error belongs to the consumer
            failure = error
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
        self._put((False, failure))

    def _put(self, entry: tuple[bool, T | BaseException | None]) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(entry, timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False
