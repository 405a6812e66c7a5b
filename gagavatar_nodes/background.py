"""Work in a thread of its own: one task, a bounded channel between two threads, and an iterator that runs ahead.

Threads are daemons, so that an interrupted program ends without waiting for them. All waiting is in short steps: on
Windows a longer wait would not see Ctrl-C. A thread sees the context variables of the one that started it.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.1
_END = object()
_unwanted: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar("unwanted", default=None)


def is_unwanted() -> bool:
    """Whether the calling thread works for a `Prefetch` that nobody reads any more."""
    closed = _unwanted.get()
    return closed is not None and closed.is_set()


class Task(Generic[T]):
    """Runs `work` in a background thread, from now on."""

    def __init__(self, work: Callable[[], T], name: str) -> None:
        self._results: list[T] = []
        self._failure: BaseException | None = None
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run, work), name=name, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the work still goes on."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> bool:
        """Wait for so long at most; return whether the work has ended, well or not."""
        self._thread.join(seconds)
        return not self.running

    def join(self) -> None:
        """Wait for the end of the work, well or not."""
        while not self.wait(_POLL_SECONDS):
            continue

    def result(self) -> T:
        """Wait for the end of the work; return what it returned, or raise what it raised."""
        self.join()
        if self._failure is not None:
            raise self._failure
        return self._results[0]

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self._results.append(work())
        except BaseException as error:  # every error belongs to the thread that asks for the result
            self._failure = error


class Channel(Generic[T]):
    """Items in order from one thread to another, at most `depth` of them waiting."""

    def __init__(self, depth: int) -> None:
        self._queue: queue.Queue[object] = queue.Queue(depth)
        self.closed = threading.Event()

    def put(self, item: T) -> bool:
        """Wait for room and put an item; return False where the channel is closed."""
        return self._put(item)

    def end(self) -> None:
        """Say that there are no more items; those on their way are still got."""
        self._put(_END)

    def close(self) -> None:
        """Let both sides stop at once; items on their way are lost."""
        self.closed.set()

    def items(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[T]:
        """Items until the end, or until the channel is closed; `on_wait` is called often, and may raise."""
        while not self.closed.is_set():
            on_wait()
            try:
                item = self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if item is _END:
                return
            yield item  # type: ignore[misc]

    def _put(self, item: object) -> bool:
        while not self.closed.is_set():
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False


class Prefetch(Generic[T]):
    """Iterates `items` in a background thread, at most `depth` items ahead. Close it when done; a context manager too.

    An error in `items` is raised again in the consumer, after the items before it. `items` are closed in the thread.
    """

    def __init__(
        self, items: Iterable[T], depth: int = 4, name: str = "prefetch", on_wait: Callable[[], None] = lambda: None
    ) -> None:
        """`on_wait` is called by the consumer, often, while it waits; what it raises ends the iteration."""
        self._channel: Channel[T] = Channel(depth)
        self._on_wait = on_wait
        self._task = Task(lambda: self._run(items), name)

    def __enter__(self) -> Prefetch[T]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[T]:
        yield from self._channel.items(self._on_wait)
        if not self._channel.closed.is_set():
            self.close()
            self._task.result()

    def abandon(self) -> None:
        """Let the thread stop after the item it is at, without waiting for it."""
        self._channel.close()

    def close(self) -> None:
        """Stop the thread and wait for the item it is at."""
        self.abandon()
        self._task.join()

    def _run(self, items: Iterable[T]) -> None:
        _unwanted.set(self._channel.closed)
        try:
            for item in items:
                if not self._channel.put(item):
                    return
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
            self._channel.end()
