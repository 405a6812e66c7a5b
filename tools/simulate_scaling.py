"""A discrete-event model of a batch: workers, the ledger that serves them one by one, the store that they share.

python tools/simulate_scaling.py ledger.summary.json --workers 3                 durations as in a measured batch
python tools/simulate_scaling.py cluster.json --workers 3 --compare              and how near that comes to it
python tools/simulate_scaling.py --clips 1000000 --portraits 10000 --drivers 100 --workers 1000 --bandwidth 10000

Without a measured batch the durations are those of docs/scaling.md. Tasks are handed out as the ledger does it: clips
that can be rendered first, then portraits and drivers in the order in which clips need them.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

LIFT, TRACK, RENDER = range(3)
NAMES = ("lift", "track", "render")
DOCUMENTED = ([2.83], [3.06], [6.31])
"""Seconds of one core: a portrait, ten seconds of a driver, ten seconds of a clip at 512 pixels."""


@dataclass(frozen=True)
class Model:
    """What a batch runs on."""

    durations: tuple[Sequence[float], Sequence[float], Sequence[float]]
    """Measured seconds, from which each task's are drawn."""
    workers: int
    ledger: float = 0.001
    """Seconds of the driver for each claim, and for each result."""
    bytes_per_clip: float = 0.49e6
    bandwidth: float = float("inf")
    """Bytes a second of the store."""
    lost_at: int | None = None
    """Clips after which a worker dies with its task."""
    slowdown: float = 1.0
    """Of each task, where workers share cores."""


@dataclass
class Result:
    """What came of it."""

    seconds: float
    clips: int
    busy: float
    """Share of the workers' time that was work."""
    ledger_busy: float
    store_busy: float
    redone: int = 0


@dataclass
class _Batch:
    pairs: Sequence[tuple[int, int]]
    waiting: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    """(kind, number) -> clips that need it."""
    missing: list[int] = field(default_factory=list)
    needed: deque[tuple[int, int]] = field(default_factory=deque)
    ready: deque[tuple[int, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        for clip, (portrait, driver) in enumerate(self.pairs):
            for need in ((LIFT, portrait), (TRACK, driver)):
                if need not in self.waiting:
                    self.waiting[need] = []
                    self.needed.append(need)
                self.waiting[need].append(clip)
        self.missing = [2] * len(self.pairs)

    def claim(self) -> tuple[int, int] | None:
        return self.ready.popleft() if self.ready else self.needed.popleft() if self.needed else None

    def finish(self, task: tuple[int, int]) -> None:
        for clip in self.waiting.pop(task, ()) if task[0] != RENDER else ():
            self.missing[clip] -= 1
            if not self.missing[clip]:
                self.ready.append((RENDER, clip))


def simulate(model: Model, pairs: Sequence[tuple[int, int]], seed: int = 0) -> Result:
    """Return how long clips of these (portrait, driver) pairs take."""
    draw, batch = random.Random(seed), _Batch(pairs)
    events = [(0.0, worker, -1, -1) for worker in range(model.workers)]  # a worker with what it has done by then
    heapq.heapify(events)
    idle: list[int] = []
    now = ledger_free = store_free = work = ledger_work = store_work = 0.0
    done = redone = 0
    lost: set[int] = set()
    while events:
        now, worker, kind, number = heapq.heappop(events)
        if worker in lost:
            batch.ready.appendleft((kind, number)) if kind == RENDER else batch.needed.appendleft((kind, number))
            redone += 1
        elif kind >= 0:
            batch.finish((kind, number))
            done += kind == RENDER
            ledger_free = max(ledger_free, now) + model.ledger
            ledger_work += model.ledger
        if model.lost_at is not None and done >= model.lost_at and not lost:
            lost.add(next((event[1] for event in events), worker))
        if worker not in lost:
            idle.append(worker)
        while idle and (task := batch.claim()) is not None:
            one = idle.pop()
            begin = ledger_free = max(ledger_free, now) + model.ledger
            ledger_work += model.ledger
            seconds = draw.choice(model.durations[task[0]]) * model.slowdown
            work += seconds
            end = begin + seconds
            if task[0] == RENDER and model.bandwidth < float("inf"):
                store_free = max(store_free, end) + model.bytes_per_clip / model.bandwidth
                store_work += model.bytes_per_clip / model.bandwidth
                end = store_free
            heapq.heappush(events, (end, one, *task))
    whole = max(now, 1e-9)
    return Result(now, done, work / (whole * model.workers), ledger_work / whole, store_work / whole, redone)


def all_pairs(clips: int, portraits: int, drivers: int) -> list[tuple[int, int]]:
    """Return so many clips, a portrait's one after the other."""
    each = max(1, -(-clips // portraits))
    return [(i // each, i % each % drivers) for i in range(clips)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", nargs="?", type=Path, help="summary of a batch")
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--portraits", type=int, default=100)
    parser.add_argument("--drivers", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bandwidth", type=float, default=float("inf"), metavar="MB/s", help="of the store")
    parser.add_argument("--ledger", type=float, default=1.0, metavar="MS", help="for a claim or a result")
    parser.add_argument("--compare", action="store_true", help="with the time that the measured batch took")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    durations, report = DOCUMENTED, None
    pairs = None
    if options.measured is not None:
        report = json.loads(options.measured.read_text(encoding="utf-8"))
        durations = tuple(durations_of(report))
        portraits = {name: i for i, name in enumerate(dict.fromkeys(job["portrait"] for job in report["jobs"]))}
        drivers = {name: i for i, name in enumerate(dict.fromkeys(job["driver"] for job in report["jobs"]))}
        if options.compare:
            pairs = [(portraits[job["portrait"]], drivers[job["driver"]]) for job in report["jobs"]]
    model = Model(
        durations,
        options.workers,
        options.ledger / 1e3,
        bandwidth=options.bandwidth * 1e6,
        lost_at=report.get("killed_at") if report and options.compare else None,
    )
    pairs = pairs or all_pairs(options.clips, options.portraits, options.drivers)
    results = [simulate(model, pairs, seed) for seed in range(options.seeds)]
    mean = sum(result.seconds for result in results) / len(results)
    spread = max(result.seconds for result in results) - min(result.seconds for result in results)
    last = results[-1]
    print(f"{last.clips} clips, {options.workers} workers: {mean:.1f} s (spread {spread:.1f} s)")
    print(f"busy: workers {last.busy:.0%}, ledger {last.ledger_busy:.0%}, store {last.store_busy:.0%}")
    if report and options.compare:
        measured = report.get("run_seconds", report["seconds"])
        print(f"measured: {measured:.1f} s; the model is off by {mean / measured - 1:+.0%}; redone: {last.redone}")


def durations_of(report: dict) -> list[list[float]]:
    """Return the measured seconds of each kind of task: of each clip, and the mean of lifts and tracks."""
    kinds = []
    for name in NAMES[:2]:
        stage = report["stages"][name]
        kinds.append([stage["seconds"] / max(1, stage["tasks"])])
    return [*kinds, [job["seconds"] for job in report["jobs"] if "seconds" in job]]


if __name__ == "__main__":
    main()
