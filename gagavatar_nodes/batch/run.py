"""A batch from its jobs to its summary."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..settings import Settings
from .costs import Estimate, Estimator
from .jobs import Job, check_outputs
from .ledger import DONE, DROPPED, FAILED, Ledger, Task
from .plan import WORK_FOLDER, Plan, Planner
from .runner import Runner
from .storage import is_remote, join_address, local_path, make_folder, remove, sizes
from .tasks import KINDS, LIFT, RENDER, TRACK
from .workers import Workers

LEDGER, SUMMARY = "ledger.sqlite", "summary.json"
_SHOW_SECONDS = 0.5


@dataclass(frozen=True)
class Outlook:
    """What there is to do, before it is done."""

    counts: Mapping[str, tuple[int, int]]
    """By kind of task: all, and those that are done."""
    estimate: Estimate


@dataclass(frozen=True)
class Standing:
    """How far a batch is."""

    done: int
    failed: int
    total: int
    """Clips."""
    fraction: float
    """Of the work."""
    seconds_left: float


class Batch:
    """Clips in a folder, and the ledger beside them that knows which are done.

        with Batch("clips", jobs, settings) as batch:
            batch.run(Processes(4))
            print(batch.summary())

    Begun again after any end, it does what is missing, and nothing twice.
    """

    def __init__(
        self,
        out: str,
        jobs: Sequence[Job],
        settings: Settings | None = None,
        ledger: str | None = None,
        on_gpu: bool = False,
        planned: Callable[[int], None] | None = None,
    ) -> None:
        """Plan the work and find out what of it is done.

        Args:
            out: folder of the clips: a path, or an address that fsspec knows.
            jobs: what to make.
            settings: of the published model and trackers.
            ledger: the ledger's file; by default it is in the folder, or in the current one where that is remote.
            on_gpu: networks run on a GPU; for estimates.
            planned: called with the number of jobs whose files were looked at.

        Raises:
            GagavatarError: another program is at work here, two jobs have one output, or an avatar cannot be made.
            MediaError: the folder cannot be made.
        """
        check_outputs(jobs)
        self.out, self.jobs = out, jobs
        self.ledger_file = Path(ledger) if ledger else default_ledger(out)
        make_folder(str(self.ledger_file.parent))
        self._start = time.perf_counter()
        self.estimator = Estimator(on_gpu)
        self.ledger = Ledger(self.ledger_file)
        try:
            self.ledger.hold()
            self.plan = Planner(out, settings or Settings(), self.ledger).plan(jobs, planned)
            self._prepare()
        except BaseException:
            self.ledger.close()
            raise

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *exc: object) -> None:
        self.ledger.close()

    def _prepare(self) -> None:
        self.ledger.add(self.plan.tasks)
        self.ledger.redo(self._lost())
        self.ledger.select([task.id for task in self.plan.renders])
        for task in self.plan.renders:
            if not is_remote(task.spec["result"]):
                make_folder(str(local_path(task.spec["result"]).parent))
        for folder in ("avatars", "motions"):
            make_folder(join_address(self.out, WORK_FOLDER, folder))

        dropped = [task.spec["result"] for task in self.ledger.tasks(None, DROPPED) if task.kind != RENDER]
        for address in sizes(dropped):  # a program was killed before it removed them
            remove(address)

    def _lost(self) -> list[str]:
        """Tasks that were done, and whose results are gone or were written over since."""
        done = {task.id: task for task in self.ledger.tasks(None, DONE)}
        mine = [done[task.id] for task in self.plan.tasks if task.id in done]
        there = sizes(task.spec["result"] for task in mine)
        return [
            task.id
            for task in mine
            if task.spec["result"] not in there
            or (not task.spec.get("numbered") and there[task.spec["result"]] != (task.result or {}).get("bytes"))
        ]

    def outlook(self, workers: int) -> Outlook:
        """Return what is to be done, and how long so many workers need."""
        return outlook(self.plan, {task.id: task for task in self.ledger.tasks()}, workers, self.estimator)

    def run(
        self,
        workers: Workers,
        retries: int = 2,
        keep: bool = False,
        progress: Callable[[Standing], None] | None = None,
    ) -> None:
        """Do what is not done; workers are ended afterwards, on any error too, and what they did is put back.

        Args:
            workers: processes, or a cluster.
            retries: further attempts of a task that may have failed by chance.
            keep: leave avatars and motions for later batches.
            progress: called a few times a second.
        """
        meter, runner = _Meter(self, workers.count), Runner(self.ledger, workers, retries, keep=keep)
        shown = time.monotonic()
        try:
            while runner.step() or self.ledger.open_count():
                if progress is not None and time.monotonic() - shown > _SHOW_SECONDS:
                    progress(meter.standing())
                    shown = time.monotonic()
            if progress is not None:
                progress(meter.standing())
        finally:
            runner.release()
        if not keep:
            self._tidy()

    def _tidy(self) -> None:
        for task in self.ledger.drop_all_unused((LIFT, TRACK)):
            remove(task.spec["result"])

    def summary(self) -> dict[str, Any]:
        """Return what became of every job, and write it beside the ledger."""
        tasks = {task.id: task for task in self.ledger.tasks()}
        jobs = [_report(self.plan.jobs[task.id], tasks[task.id]) for task in self.plan.renders]
        jobs += [_broken(job, why) for job, why in self.plan.broken]
        stages = {kind: _stage([t for t in tasks.values() if t.kind == kind and t.result]) for kind in KINDS}
        summary = {
            "out": self.out,
            "ledger": str(self.ledger_file),
            "done": sum(job["state"] == DONE for job in jobs),
            "failed": sum(job["state"] == FAILED for job in jobs),
            "seconds": round(time.perf_counter() - self._start, 3),
            "stages": stages,
            "jobs": jobs,
        }
        from ..media.files import atomic_output

        with atomic_output(self.ledger_file.with_name(f"{self.ledger_file.stem}.{SUMMARY}")) as temporary:
            temporary.write_text(json.dumps(summary, indent=1), encoding="utf-8")
        return summary


class _Meter:
    """Tells how far a batch is."""

    def __init__(self, batch: Batch, workers: int) -> None:
        self._ledger, self._workers = batch.ledger, workers
        self._weights = {task.id: batch.estimator.seconds(task) for task in batch.plan.tasks}
        self._renders = {task.id for task in batch.plan.renders}
        self._whole = self._left(batch.ledger.open_ids())
        self._failed = self._failures()
        self._began = time.monotonic()

    def standing(self) -> Standing:
        waiting = self._ledger.open_ids()
        left, spent = self._left(waiting), time.monotonic() - self._began
        finished, failed = self._whole - left, self._failures() - self._failed
        rate = finished / spent if finished > 0 else float(self._workers)
        done = len(self._renders - waiting) - failed
        return Standing(done, failed, len(self._renders), finished / self._whole if self._whole else 1.0, left / rate)

    def _left(self, waiting: set[str]) -> float:
        return sum(self._weights.get(one, 0.0) for one in waiting)

    def _failures(self) -> int:
        return self._ledger.counts().get(RENDER, {}).get(FAILED, 0)


def default_ledger(out: str) -> Path:
    """Return where the ledger of a folder is."""
    if not is_remote(out):
        return local_path(join_address(out, WORK_FOLDER, LEDGER))
    from hashlib import sha256

    return Path(f"gagavatar-batch-{sha256(out.encode()).hexdigest()[:8]}.sqlite")


def outlook(plan: Plan, known: Mapping[str, Task], workers: int, estimator: Estimator) -> Outlook:
    """Return what of a plan is to be done, by what a ledger knows."""
    done = {task.id for task in plan.tasks if task.id in known and known[task.id].state == DONE}
    for task in known.values():
        estimator.learn(task)
    open_renders = [task for task in plan.renders if task.id not in done]
    needed = {need for task in open_renders for need in task.needs} - done
    waiting = [task for task in plan.tasks if task.id in needed] + open_renders
    counts = {}
    for kind in KINDS:
        every = [task for task in plan.tasks if task.kind == kind]
        counts[kind] = len(every), len(every) - sum(task.kind == kind for task in waiting)
    return Outlook(counts, estimator.total(waiting, workers))


def _report(job: Job, task: Task) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "portrait": job.portrait,
        "driver": job.driver,
        "output": task.spec["result"],
        "state": task.state,
        "attempts": task.attempts,
    }
    if task.error and task.state != DONE:
        entry["error"] = task.error
    if task.result:
        entry |= {name: task.result[name] for name in ("frames", "fps", "bytes", "seconds", "cpu_seconds")}
    return entry


def _broken(job: Job, why: str) -> dict[str, Any]:
    return {"portrait": job.portrait, "driver": job.driver, "output": job.output, "state": FAILED, "error": why}


def _stage(tasks: Sequence[Task]) -> dict[str, Any]:
    results = [task.result for task in tasks if task.result]
    return {
        "tasks": len(results),
        "seconds": round(sum(result["seconds"] for result in results), 3),
        "cpu_seconds": round(sum(result["cpu_seconds"] for result in results), 3),
    }
