"""Values that are kept as long as there is room: those that were used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, ItemsView, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values that were used last, by key. Not locked: who shares it among threads brings a lock."""

    def __init__(
        self, most: float, size: Callable[[V], float] | None = None, on_drop: Callable[[V], object] | None = None
    ) -> None:
        """Keep values whose sizes sum up to `most` or less, each 1 without `size`; the last one put stays in any case.

        `on_drop` is told of each value that has to go.
        """
        self._most, self._size, self._on_drop = most, size, on_drop
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[K]:
        """Keys, the one unused for longest first."""
        return iter(self._kept)

    def items(self) -> ItemsView[K, V]:
        """Return keys and values, the one unused for longest first."""
        return self._kept.items()

    def get(self, key: K) -> V | None:
        """Return a value, which counts as used, or None."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: K, value: V) -> V:
        """Keep a value in the place of the key's last one, and let others go where they take too much room."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and self._total() > self._most:
            _, gone = self._kept.popitem(last=False)
            if self._on_drop is not None:
                self._on_drop(gone)
        return value

    def get_or_make(self, key: K, make: Callable[[], V]) -> V:
        """Return a value, made where it is not there."""
        if key not in self._kept:
            return self.put(key, make())
        self._kept.move_to_end(key)
        return self._kept[key]

    def clear(self) -> None:
        """Forget all, without a word to `on_drop`."""
        self._kept.clear()

    def _total(self) -> float:
        return len(self._kept) if self._size is None else sum(map(self._size, self._kept.values()))
