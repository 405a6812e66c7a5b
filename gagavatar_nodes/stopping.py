"""SIGTERM and a closed terminal end a program as Ctrl-C does: what it was writing is removed."""

from __future__ import annotations

import signal
from types import FrameType

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


def _stop(number: int, _frame: FrameType | None) -> None:
    for name in _SIGNALS:  # a second one must not disturb the cleaning up
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    raise TerminatedError(number)
