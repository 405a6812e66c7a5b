"""Places for what only so many visitors can do at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_REST = 4.0
"""Seconds after which a place is free again that its visitor does not use."""


class Places:
    """Who has a place; whoever comes later gets the next one that is free."""

    def __init__(self, most: int, rest: float = _REST) -> None:
        """`most` places; `rest` seconds without use free one."""
        self.most, self._rest = most, rest
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def take(self, visitor: str) -> Iterator[bool]:
        """Give a visitor a place while something is done there, or say that there is none; it is kept for a while."""
        got = self._enter(visitor)
        try:
            yield got
        finally:
            if got:
                self._used[visitor] = time.monotonic()

    def _enter(self, visitor: str) -> bool:
        now = time.monotonic()
        with self._lock:
            self._used = {one: used for one, used in self._used.items() if used > now - self._rest}
            if visitor not in self._used and len(self._used) >= self.most:
                return False
            self._used[visitor] = float("inf")  # however long it takes
            return True
