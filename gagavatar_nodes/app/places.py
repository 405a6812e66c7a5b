"""Places for what only so many visitors can do at the same time."""

from __future__ import annotations

import threading
import time

_REST = 4.0
"""Seconds after which a place is free again that its visitor does not use."""


class Places:
    """Who has a place; whoever comes later gets the next one that is free."""

    def __init__(self, most: int, rest: float = _REST) -> None:
        """`most` places; `rest` seconds without use free one."""
        self.most, self._rest = most, rest
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, visitor: str) -> bool:
        """Give a visitor a place, or keep the one that the visitor has; return whether there was one."""
        now = time.monotonic()
        with self._lock:
            self._used = {one: used for one, used in self._used.items() if used > now - self._rest}
            if visitor not in self._used and len(self._used) >= self.most:
                return False
            self._used[visitor] = now
            return True
