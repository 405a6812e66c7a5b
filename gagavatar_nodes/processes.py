"""Jobs in processes of their own, side by side: one that crashes takes nothing else with it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

JobProgress = Callable[[str, int, "int | None"], None]
"""Called with a job's name, the number of its frames done and how many there are, if that is known."""


def usual_workers() -> int:
    """One process for every two processors."""
    return max(1, (os.cpu_count() or 1) // 2)


def end_with_parent() -> None:
    """End this process, whatever it does, as soon as the one that started it is gone."""
    threading.Thread(target=_follow_parent, daemon=True).start()


def run_jobs(
    work: Callable[..., None],
    jobs: Mapping[str, tuple[Any, ...]],
    workers: int,
    progress: JobProgress | None = None,
    ended: Callable[[str, int | None], None] | None = None,
) -> None:
    """Run `work(*arguments, report)` in a process for each of the jobs, `workers` at a time.

    Args:
        work: a function of a module; it writes its results itself and calls `report` with the frames done and in all.
        jobs: name -> arguments, which can be pickled.
        workers: processes at a time.
        progress: is told what the jobs report.
        ended: called with a job's name and its process's exit code, however it ended.
    """
    context = multiprocessing.get_context("spawn")
    waiting = list(jobs.items())[::-1]
    running: dict[Connection, tuple[BaseProcess, str]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                name, arguments = waiting.pop()
                mine, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_run, args=(work, arguments, theirs), daemon=True)
                process.start()
                theirs.close()
                running[mine] = process, name
            ready = wait(list(running))
            for connection in [one for one in running if one in ready]:
                worker, name = running[connection]
                try:
                    done, total = connection.recv()
                    if progress is not None:
                        progress(name, done, total)
                except EOFError:
                    worker.join()
                    del running[connection]
                    if ended is not None:
                        ended(name, worker.exitcode)
    finally:
        for worker, _ in running.values():
            worker.kill()
            worker.join()


def _run(work: Callable[..., None], arguments: tuple[Any, ...], pipe: Connection) -> None:
    """In the process of its own."""
    _single_threaded()
    work(*arguments, lambda done, total: pipe.send((done, total)))


def _single_threaded() -> None:
    """Jobs are worked on side by side, so each keeps to one thread."""
    import cv2

    cv2.setNumThreads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
