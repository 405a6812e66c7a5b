"""Long videos in pieces: VideoHelperSuite's Meta Batch runs a graph once for each, and what was learned goes on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Generic, TypeVar

from ..recent import Recent

T = TypeVar("T")

HIDDEN = {"prompt": "PROMPT", "unique_id": "UNIQUE_ID"}
"""Hidden inputs by which a node knows its chunk."""
_MANAGER = "VHS_BatchManager"
_MOST = 4


def chunk_number(prompt: Mapping[str, Any] | None, node: str | None) -> int | None:
    """Return which piece of its input a node gets in this run, from 0; None where nothing cuts it into pieces."""
    waiting, seen = [str(node)], set()
    while prompt and waiting:
        id_ = waiting.pop()
        if id_ in seen or id_ not in prompt:
            continue
        seen.add(id_)
        inputs = prompt[id_]["inputs"]
        if prompt[id_]["class_type"] == _MANAGER:
            return int(inputs.get("requeue", 0))
        waiting += [str(value[0]) for value in inputs.values() if isinstance(value, list) and len(value) == 2]
    return None


class Carried(Generic[T]):
    """What nodes carry from one chunk to the next, by their ids."""

    def __init__(self) -> None:
        self._kept: Recent[str, tuple[int, Hashable, T]] = Recent(_MOST)

    def before(self, node: str | None, chunk: int, key: Hashable) -> T | None:
        """Return what the chunk before this one left, if it was made in the same way."""
        last, made, value = self._kept.get(str(node)) or (-1, None, None)
        return value if chunk > 0 and (last, made) == (chunk - 1, key) else None

    def leave(self, node: str | None, chunk: int, key: Hashable, value: T) -> None:
        """Keep something for the next chunk."""
        self._kept.put(str(node), (chunk, key, value))
