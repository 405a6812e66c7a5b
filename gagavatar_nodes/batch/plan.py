"""From jobs to tasks: each portrait lifted once, each driver tracked once, whatever the number of pairs.

A task's id is the hash of what it works on and how, so that the same work has the same id in every run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..choices import SUITED_TRACKER
from ..errors import MediaError
from ..media.formats import is_png_sequence
from ..settings import Settings
from ..speech.manner import split_voices
from .jobs import Face, Job, JobSettings
from .ledger import Ledger, Task
from .storage import content_print, fingerprint, is_remote, join_address, local_path
from .tasks import LIFT, RENDER, TRACK

WORK_FOLDER = ".gagavatar"
"""In the output folder: ledger, avatars and motions."""
_RENDERED = ["expression", "head_pose", "loop", "reference", "pose", "seed", "size", "background", "stitch", "compare"]
"""Settings that a clip is rendered by."""
_MADE = ("avatar", "motion", "words")
"""What other tasks make for a clip."""
_NO_VOICE: dict[str, Any] = {"voice": (), "voice_style": None, "text": "", "voice_strength": (), "voice_seed": 0}
"""Of the driver of a dubbed clip: its tracking is the same whatever is said."""
_AS_VOICE: dict[str, Any] = {"drive": "sound", "smoothing": 0.0, "driver_face": None, "seconds": None}
"""Of the voice that dubs: its motion is the same whatever is said of the driver's picture."""


@dataclass(frozen=True)
class Plan:
    """Tasks in the order in which they should be done, and the jobs that had to be left out."""

    tasks: tuple[Task, ...]
    jobs: Mapping[str, Job]
    """By the ids of their renders."""
    broken: tuple[tuple[Job, str], ...] = ()
    """Jobs whose files are not there, and why."""

    @cached_property
    def renders(self) -> list[Task]:
        """The clips."""
        return [task for task in self.tasks if task.kind == RENDER]


class Planner:
    """Makes tasks of jobs."""

    def __init__(self, out: str, settings: Settings, ledger: Ledger | None = None) -> None:
        """`out` is the address of the output folder; `ledger` keeps hashes of files from run to run."""
        self._out, self._settings, self._ledger = out, settings, ledger
        self._prints: dict[str, str] = {}
        self._models: dict[str, str] = {}
        self._published = plain_settings(settings)

    def plan(self, jobs: Iterable[Job], progress: Callable[[int], None] | None = None) -> Plan:
        """Return the tasks of all jobs; a file that is not there breaks its job, not the others.

        Raises:
            WeightsError, GagavatarError: what the avatar model of a job needs is missing.
        """
        tasks: dict[str, Task] = {}
        named: dict[str, Job] = {}
        broken: list[tuple[Job, str]] = []
        for count, job in enumerate(jobs, 1):
            try:
                made = self._tasks(job)
            except MediaError as error:
                broken.append((job, str(error)))
                continue
            for task in made:
                tasks.setdefault(task.id, task)
            named[made[-1].id] = job
            if progress is not None:
                progress(count)
        return Plan(tuple(tasks.values()), named, tuple(broken))

    def _tasks(self, job: Job) -> list[Task]:
        s = job.settings
        model = self._model(s.avatar)
        dub = split_voices(s.voice)[1]
        lift = self._lift(job, model)
        track = self._track(job.driver, s if dub is None else replace(s, **_NO_VOICE), model)
        words = None if dub is None else self._track(dub, replace(s, **_AS_VOICE), model)
        motions = [track] if words is None else [track, words]
        return [lift, *motions, self._render(job, lift, *motions)]

    def _lift(self, job: Job, model: str) -> Task:
        s = job.settings
        how = {"model": model, "density": s.density, "face": s.face, "published": self._published}
        content = {"portrait": self._input(job.portrait), **self._person(s.face)}
        return self._task(LIFT, content, how, {"portrait": job.portrait}, "avatars")

    def _track(self, driver: str, s: JobSettings, model: str) -> Task:
        built_in = _is_built_in(driver)
        tracker = SUITED_TRACKER[model] if s.tracker == "auto" else s.tracker
        how: dict[str, Any] = {
            "smoothing": s.smoothing,
            "face": s.driver_face,
            "seconds": s.seconds,
            "fps": s.fps,
            "tracker": tracker,
            "built_in": built_in,
            "published": self._published,
        }
        content = {"driver": driver if built_in else self._input(driver), **self._person(s.driver_face)}
        where = {"driver": driver}
        if not built_in:
            how |= {"drive": s.drive, "voice": split_voices(s.voice)[0], "text": s.text}
            how["manner"] = {**dict(s.voice_strength), "seed": s.voice_seed}
            if s.voice_style is not None and _is_file(s.voice_style):
                content["style"], where["style_file"] = self._input(s.voice_style), s.voice_style
            else:
                how["style"] = s.voice_style
        return self._task(TRACK, content, how, where, "motions")

    def _render(self, job: Job, lift: Task, track: Task, words: Task | None = None) -> Task:
        s = job.settings
        output = join_address(self._out, *job.output.replace("\\", "/").split("/"))
        how: dict[str, Any] = {name: getattr(s, name) for name in _RENDERED}
        how |= {"model": lift.spec["model"], "face": s.face, "published": self._published, "result": output}
        how["numbered"] = is_png_sequence(output)
        content = {"avatar": lift.id, "motion": track.id}
        if _is_file(s.background):
            content["background"], how["background_file"] = self._input(s.background), True
        where = {"avatar": lift.spec["result"], "motion": track.spec["result"]}
        if words is not None:
            content["words"], where["words"] = words.id, words.spec["result"]
        if s.stitch or s.compare:
            where["portrait"] = job.portrait
        if s.compare and not track.spec["built_in"]:
            where["film"] = job.driver
        heard = words or track
        if not s.no_audio and not heard.spec["built_in"]:
            where["sound"] = heard.spec["driver"]
        key = _key(RENDER, content, how, {"sound": "sound" in where})
        return Task(key, RENDER, {**how, **where}, tuple(content[n] for n in _MADE if n in content), near=lift.id)

    def _task(
        self, kind: str, content: Mapping[str, str], how: Mapping[str, Any], where: Mapping[str, str], folder: str
    ) -> Task:
        key = _key(kind, content, how)
        result = join_address(self._out, WORK_FOLDER, folder, f"{key}.safetensors")
        return Task(key, kind, {**how, **where, "result": result})

    def _model(self, name: str) -> str:
        if name not in self._models:
            from .. import pipeline

            self._models[name] = pipeline.check_model(name, self._settings)[0]
        return self._models[name]

    def _person(self, face: Face) -> dict[str, str]:
        """Return what stands for the content of a picture of the person, where that chooses the face."""
        return {"person": self._input(face)} if isinstance(face, str) else {}

    def _input(self, address: str) -> str:
        """Return what stands for the content of a file."""
        if address not in self._prints:
            stamp, known = fingerprint(address)
            if not known:
                path = str(local_path(address).resolve())
                known = (self._ledger and self._ledger.print_of(path, stamp)) or ""
                if not known:
                    known = content_print(Path(path))
                    if self._ledger is not None:
                        self._ledger.keep_print(path, stamp, known)
            self._prints[address] = known
        return self._prints[address]


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def plain_settings(settings: Settings) -> dict[str, Any]:
    """Return what of the settings is not as usual, as data; folders by their full names."""
    usual, plain = Settings(), {}
    for name, value in vars(settings).items():
        if value != getattr(usual, name):
            plain[name] = value if isinstance(value, (int, str)) or value is None else _names(value)
    return plain


def _names(value: Any) -> Any:
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else str(value)


def _is_built_in(driver: str) -> bool:
    from ..driving.builtin import BUILTIN_NAMES

    return driver in BUILTIN_NAMES and not local_path(driver).exists()


def _is_file(background: str) -> bool:
    return is_remote(background) or local_path(background).is_file()
