"""`gagavatar`, killed at a chosen moment: python killed_batch.py MOMENT MARKER ARGUMENTS.

The program dies once; where MARKER exists it has been killed before, and nothing happens to it. Worker processes import
this file too, so that they can be killed as well.
"""

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import util
from pathlib import Path
from typing import Any

from gagavatar_nodes.batch.ledger import Ledger
from gagavatar_nodes.media import files

MOMENT, MARKER = sys.argv[1], Path(sys.argv[2])
SIGNAL = signal.SIGTERM if MOMENT.startswith("terminated") else signal.SIGKILL


def kill_once() -> None:
    """End this process as the kernel does when memory runs out, or as whoever stops a service."""
    try:
        MARKER.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), SIGNAL)


def _before(owner: Any, name: str, when: Callable[..., bool]) -> None:
    real = getattr(owner, name)

    def wrapped(*args: Any, **keywords: Any) -> Any:
        if when(*args):
            kill_once()
        return real(*args, **keywords)

    setattr(owner, name, wrapped)


def _after(owner: Any, name: str, when: Callable[..., bool]) -> None:
    real = getattr(owner, name)

    def wrapped(*args: Any, **keywords: Any) -> Any:
        result = real(*args, **keywords)
        if when(result, *args):
            kill_once()
        return result

    setattr(owner, name, wrapped)


def _is_kind(kind: str) -> Callable[..., bool]:
    return lambda ledger, task, result: ledger.get(task).kind == kind


if MOMENT == "planned":
    _before(Ledger, "select", lambda *_: True)
elif MOMENT == "claimed":
    _after(Ledger, "claim", lambda task, *_: task is not None)
elif MOMENT == "lifted, not noted":
    _before(Ledger, "finish", _is_kind("lift"))
elif MOMENT == "rendered, not noted":
    _before(Ledger, "finish", _is_kind("render"))
elif MOMENT == "noted":
    _after(Ledger, "finish", lambda _, *args: _is_kind("render")(*args))
elif MOMENT == "unused dropped, not removed":
    _after(Ledger, "drop_unused", lambda dropped, *_: bool(dropped))
elif MOMENT == "in the worker, before the rename":
    _before(files.os, "replace", lambda _, target: str(target).endswith(".mp4"))
elif MOMENT == "terminated, as a worker starts":
    _before(util, "spawnv_passfds", lambda *_: True)

if __name__ == "__main__":
    from gagavatar_nodes.cli import run

    sys.argv = ["gagavatar", *sys.argv[3:]]
    run()
