"""What reading a pickle may cost: a few bytes of one can ask for all memory, or for years of work."""

from __future__ import annotations

import pickle
import pickletools

MAX_OPERATIONS = 30_000_000
"""An hour of tracking has 16 million."""
MAX_VALUES = 30_000_000
"""Values of what was read, counted as often as they are referred to."""
MAX_DEPTH = 50
"""Containers inside each other."""
_FLOOR_BYTES, _FACTOR = 256 << 20, 4

_LENGTH_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}


def _argument(operation: pickletools.OpcodeInfo) -> tuple[int, int, int]:
    """Of an operation's argument: bytes of fixed length, bytes that tell its length, and lines."""
    size = 0 if operation.arg is None else operation.arg.n
    if size == pickletools.UP_TO_NEWLINE:
        return 0, 0, 2 if operation.name in ("GLOBAL", "INST") else 1
    return max(size, 0), _LENGTH_BYTES.get(size, 0), 0


_ARGUMENTS = {ord(operation.code): _argument(operation) for operation in pickletools.opcodes}
_STOP, _PUT, _BINPUT, _LONG_BINPUT = b".pqr"


def check_operations(data: bytes) -> None:
    """Go through a pickle's operations without carrying them out.

    Raises:
        pickle.UnpicklingError: there are too many, one is unknown, or one asks for a place in the memory of shared
            values that no writer would choose; Python would reserve all places before it.
    """
    place, count, end = 0, 0, len(data)
    while place < end:
        code = data[place]
        if code not in _ARGUMENTS:
            raise pickle.UnpicklingError(f"byte {place} is no pickle's")
        size, length, lines = _ARGUMENTS[code]
        start = place + 1
        place = start + size
        if length:
            place += length + int.from_bytes(data[start : start + length], "little")
        for _ in range(lines):
            place = data.find(b"\n", place) + 1 or end
        count += 1
        if count > MAX_OPERATIONS:
            raise pickle.UnpicklingError(f"it has more than {MAX_OPERATIONS // 10**6} million parts")
        if code in (_PUT, _BINPUT, _LONG_BINPUT):
            raw = data[start:place]
            if (int(raw) if code == _PUT else int.from_bytes(raw, "little")) > count:
                raise pickle.UnpicklingError("it counts its values wrongly")
        if code == _STOP:
            return


class Budget:
    """Bytes that may be built from a pickle, beside its own: copies of what it says once."""

    def __init__(self, size: int) -> None:
        self._left = max(_FLOOR_BYTES, _FACTOR * size)

    def take(self, size: int) -> None:
        """Count what is made, and refuse too much.

        Raises:
            pickle.UnpicklingError: no more is allowed.
        """
        self._left -= size
        if self._left < 0:
            raise pickle.UnpicklingError("it unfolds to far more than it holds")
