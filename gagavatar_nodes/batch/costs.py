"""What the stages of a clip cost, as measured: for estimates before the work, and for docs/scaling.md."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..errors import GagavatarError
from .ledger import Task
from .storage import is_remote, local_path
from .tasks import LIFT, TRACK

START_SECONDS = 1.5
"""From the start of a worker to its first task."""
USUAL_FRAMES = 250
"""Of a driver that cannot be looked into before the work."""
FPS = 25.0


@dataclass(frozen=True)
class Costs:
    """Seconds of one core (or of one GPU with a core), without what is done once a process."""

    lift: float
    track_frame: float
    render_frame: float
    pixel: float
    """Of a rendered and encoded frame, in addition."""

    def render(self, frames: int, width: int, height: int) -> float:
        """Return the seconds of a clip."""
        return frames * (self.render_frame + self.pixel * width * height)


EMBEDDED = Costs(lift=2.98, track_frame=0.0114, render_frame=0.0130, pixel=5.8e-8)
NETWORK_CPU = Costs(lift=3.8, track_frame=0.0136, render_frame=0.43, pixel=1.7e-8)
NETWORK_GPU = Costs(lift=0.35, track_frame=0.0136, render_frame=0.0066, pixel=0.0)
"""By `tools/bench_stages.py` and the README's figures of the network."""


@dataclass(frozen=True)
class Estimate:
    """How long a batch takes."""

    seconds: float
    """With all workers."""
    work: float
    """Of one worker."""
    assumed: int
    """Drivers whose length is not known, and was taken for `USUAL_FRAMES`."""


class Estimator:
    """Estimates tasks: by the costs measured for the documentation, corrected by what earlier tasks took here."""

    def __init__(self, on_gpu: bool = False) -> None:
        """`on_gpu` tells where networks run."""
        self._on_gpu = on_gpu
        self._frames: dict[str, int] = {}
        self._guessed: dict[str, float] = {}
        self._ratio: dict[str, tuple[float, float]] = {}
        self.assumed: set[str] = set()

    def seconds(self, task: Task) -> float:
        """Return the seconds that a task will take a worker."""
        guess = self._guess(task)
        taken, expected = self._ratio.get(task.kind, (0.0, 0.0))
        return guess * (taken / expected if expected else 1.0)

    def learn(self, task: Task) -> None:
        """Take into account what a finished task took."""
        if task.result is not None:
            taken, expected = self._ratio.get(task.kind, (0.0, 0.0))
            self._ratio[task.kind] = taken + float(task.result["seconds"]), expected + self._guess(task)
            if task.kind == TRACK:
                self._frames[task.id] = int(task.result["frames"])

    def total(self, tasks: list[Task], workers: int) -> Estimate:
        """Return what tasks take, if workers are never idle but at the end."""
        work = sum(map(self.seconds, tasks))
        longest = max(map(self.seconds, tasks), default=0.0)
        seconds = max(work / workers, longest) + (START_SECONDS if tasks else 0.0)
        return Estimate(seconds, work, len(self.assumed))

    def _guess(self, task: Task) -> float:
        if task.id not in self._guessed:
            self._guessed[task.id] = self._first_guess(task)
        return self._guessed[task.id]

    def _first_guess(self, task: Task) -> float:
        costs = self._costs(task.spec)
        if task.kind == LIFT:
            return costs.lift
        if task.kind == TRACK:
            self._frames[task.id] = self._length(task)
            return costs.track_frame * (0 if task.spec["built_in"] else self._frames[task.id])
        frames = max((self._frames[need] for need in task.needs if need in self._frames), default=USUAL_FRAMES)
        return costs.render(frames, *task.spec["size"])

    def _costs(self, spec: Mapping[str, Any]) -> Costs:
        if spec.get("model") != "gagavatar":
            return EMBEDDED
        return NETWORK_GPU if self._on_gpu else NETWORK_CPU

    def _length(self, task: Task) -> int:
        driver = task.spec["driver"]
        if task.spec["built_in"]:
            from ..driving.builtin import builtin_motion

            return len(builtin_motion(driver, task.spec["seconds"], task.spec["fps"] or FPS))
        frames = None if is_remote(driver) else _frames_of(driver, task.spec["fps"])
        if frames is None:
            self.assumed.add(task.id)
        return frames or USUAL_FRAMES


def _frames_of(driver: str, fps: float | None) -> int | None:
    from .. import pipeline
    from ..driving.motion_file import is_motion_file, load_motion
    from ..media.video_reader import VideoReader

    path = local_path(driver)
    with suppress(GagavatarError, OSError):  # what is wrong with it is said when it is worked on
        if is_motion_file(path):
            return len(load_motion(path))
        if pipeline.is_media(path) and not pipeline.is_sound(path):
            with VideoReader(path) as video:
                frames = video.frame_count
                return round(frames * fps / video.fps) if frames and fps else frames
    return None
