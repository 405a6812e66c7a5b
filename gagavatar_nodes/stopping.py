"""SIGTERM and a closed terminal end a program as Ctrl-C does: what it was writing is removed."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

_GRACE = 8.0
"""Seconds for cleaning up; a compiled library that does not come back must not keep the program alive."""
_SIGNALS = ("SIGTERM", "SIGHUP", "SIGBREAK")  # Windows has the last alone beside SIGTERM


class TerminatedError(KeyboardInterrupt):
    """Raised in the main thread, wherever it is."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def stop_on_signals() -> None:
    """Make the signals raise `TerminatedError`; one that is ignored, as `nohup` sees to, stays so."""
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)  # written to even while compiled code runs
    threading.Thread(target=_leave_at_last, args=(heard,), name="stopping", daemon=True).start()


def _leave_at_last(heard: int) -> None:
    """End the program some time after a signal that should end it."""
    wanted = {int(getattr(signal, name)) for name in _SIGNALS if hasattr(signal, name)}
    while True:
        (number,) = os.read(heard, 1)
        if number in wanted and signal.getsignal(number) in (_stop, signal.SIG_IGN):
            time.sleep(_GRACE)
            os._exit(128 + number)


def _stop(number: int, _frame: FrameType | None) -> None:
    for name in _SIGNALS:  # a second one must not disturb the cleaning up
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    raise TerminatedError(number)
