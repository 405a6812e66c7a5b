"""Avatars, motions and clips of clients: tasks in the ledger, and their files. All of it survives a restart."""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path
from typing import Any

from ..batch.ledger import DONE, FAILED, Ledger, Task
from ..batch.plan import plain_settings
from ..batch.tasks import LIFT, RENDER, TRACK
from ..choices import SUITED_TRACKER
from ..driving.builtin import BUILTIN_NAMES
from ..errors import GagavatarError, MediaError
from .config import Config
from .forms import Following
from .keys import Client
from .schemas import RenderRequest

_FOLDERS = {LIFT: "avatars", TRACK: "motions", RENDER: "renders"}
_NOUNS = {LIFT: "avatar", TRACK: "motion", RENDER: "render"}
_HOUR = 3600.0
_RENDERED = ("expression", "head_pose", "loop", "reference", "pose", "background", "stitch", "compare", "seed")
"""What a request says of a clip, under the names that tasks have it."""
MEDIA_TYPES = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "mkv": "video/x-matroska",
    "gif": "image/gif",
    "png": "image/png",
}


class BusyError(GagavatarError):
    """There is no room; it is worth another try after some time."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = max(1, round(seconds))


class MissingError(GagavatarError):
    """There is no such thing, or it is somebody else's."""


class Store:
    """Everything that clients have made."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        """`ledger` lies in the folder of the configuration."""
        self._config, self.ledger = config, ledger
        self._lock = threading.Lock()
        self._model: str | None = None
        self.mean_seconds = 5.0
        """Of recent tasks."""
        for name in (*_FOLDERS.values(), "uploads"):
            (config.data / name).mkdir(parents=True, exist_ok=True)

    def new_upload(self) -> tuple[str, Path]:
        """Return a new id, and where its upload is to be written."""
        one = secrets.token_hex(12)
        return one, self._upload(one)

    def admit(self, client: Client) -> None:
        """Find out whether one more task may begin, and count it against the client's quota.

        Raises:
            BusyError: the queue is full, or the quota used up.
        """
        with self._lock:
            waiting = self.ledger.open_count()
            if waiting >= self._config.queue:
                patience = min(600.0, self.mean_seconds * waiting / self._config.workers / 2)
                raise BusyError("The queue is full: try again later.", patience)
            quota = self._config.quota if client.quota is None else client.quota
            if quota and (seconds := self.ledger.use(client.name, quota, _HOUR)) is not None:
                raise BusyError(f"The quota of {quota} tasks an hour is used up: try again later.", seconds)

    def add_avatar(self, one: str, client: Client, density: int | None, face: int | None) -> Task:
        """Queue the lifting of an upload."""
        spec = {"portrait": str(self._upload(one)), "model": self.model, "density": density, "face": face}
        return self._add(one, LIFT, client, spec, {str(self._upload(one)): "The portrait"})

    def add_motion(self, one: str, client: Client, how: Following) -> Task:
        """Queue the tracking of an upload."""
        spec: dict[str, Any] = {"driver": str(self._upload(one)), "built_in": False, "seconds": None, **how.spec()}
        spec["tracker"] = SUITED_TRACKER[self.model]
        return self._add(one, TRACK, client, spec, {str(self._upload(one)): "The driver"})

    def check_render(self, request: RenderRequest, client: Client) -> None:
        """Find out whether a clip can be made, before it is counted.

        Raises:
            MissingError, GagavatarError: as `add_render`.
        """
        self._check(request)
        self.get(request.avatar, LIFT, client)
        for motion in (request.motion, request.dub):
            if motion is not None and motion not in BUILTIN_NAMES:
                self.get(motion, TRACK, client)

    def add_render(self, client: Client, request: RenderRequest) -> Task:
        """Queue a clip.

        Raises:
            MissingError: there is no such avatar or motion.
            GagavatarError: the size, the length or the background is not possible.
        """
        avatar = self.get(request.avatar, LIFT, client)
        motion = self._motion(request, client)
        dub = None if request.dub is None else self.get(request.dub, TRACK, client)
        heard = dub or motion
        one = secrets.token_hex(12)
        spec: dict[str, Any] = {
            "avatar": avatar.spec["result"],
            "motion": motion.spec["result"],
            "size": (request.width, request.height),
            "portrait": avatar.spec["portrait"],
            "face": avatar.spec["face"],
            "model": self.model,
            "format": request.format,
        }
        spec |= {name: getattr(request, name) for name in _RENDERED}
        if dub is not None:
            spec["words"] = dub.spec["result"]
        if request.compare and not motion.spec["built_in"]:
            spec["film"] = motion.spec["driver"]
        if request.sound and not heard.spec["built_in"]:
            spec["sound"] = heard.spec["driver"]
        used = (avatar, motion) if dub is None else (avatar, motion, dub)
        for task in used:
            self.touch(task)
        names = {spec["avatar"]: "The avatar", spec["portrait"]: "The portrait", spec["motion"]: "The motion"}
        names |= {motion.spec["driver"]: "The driver", heard.spec["driver"]: "The sound"}
        return self._add(one, RENDER, client, spec, names, tuple(task.id for task in used))

    def get(self, one: str, kind: str, client: Client) -> Task:
        """Return one of the client's tasks.

        Raises:
            MissingError: there is none.
        """
        task = self.ledger.get(one)
        if task is None or task.kind != kind or task.client != client.name:
            raise MissingError(f"There is no such {_NOUNS[kind]}, or it has expired.")
        return task

    def result(self, one: str, client: Client) -> tuple[Path, str]:
        """Return a finished clip's file and media type.

        Raises:
            MissingError: there is none, or it is not finished.
        """
        task = self.get(one, RENDER, client)
        file = Path(task.spec["result"])
        if task.state != DONE or not file.is_file():
            raise MissingError("The render is not finished: follow its events, and ask again when it is done.")
        self.touch(task)
        return file, MEDIA_TYPES[task.spec["format"]]

    def touch(self, task: Task) -> None:
        """Keep something longer, because it was used."""
        self.ledger.keep_until(task.id, time.time() + self._config.lifetime)

    def remove(self, task: Task) -> None:
        """Forget a task, with its files."""
        self.ledger.remove(task.id)
        Path(task.spec["result"]).unlink(missing_ok=True)
        self._upload(task.id).unlink(missing_ok=True)

    def settle(self, task: Task) -> None:
        """Remove the upload of a task that has failed, and learn how long tasks take.

        A portrait stays as long as its avatar: clips are stitched into it, or compared with it.
        """
        if task.state == FAILED:
            self._upload(task.id).unlink(missing_ok=True)
        if task.result is not None:
            self.mean_seconds += 0.1 * (float(task.result["seconds"]) - self.mean_seconds)

    def sweep(self) -> int:
        """Remove what has expired, and files that nothing belongs to; return how many things."""
        expired = self.ledger.expired()
        for task in expired:
            self.remove(task)
        known = {task.id for task in self.ledger.tasks()}
        for folder in (*_FOLDERS.values(), "uploads"):
            for file in (self._config.data / folder).iterdir():
                if file.name[:24] not in known and file.stat().st_mtime < time.time() - _HOUR:
                    file.unlink(missing_ok=True)
        return len(expired)

    @property
    def model(self) -> str:
        """The avatar model of this service."""
        if self._model is None:
            from .. import pipeline

            self._model = pipeline.choose_model("auto", self._config.settings)[0]
        return self._model

    def _motion(self, request: RenderRequest, client: Client) -> Task:
        if request.motion not in BUILTIN_NAMES:
            return self.get(request.motion, TRACK, client)
        spec = {"driver": request.motion, "built_in": True, "seconds": request.seconds, "fps": request.fps}
        spec |= {"smoothing": 0.0, "face": None, "tracker": SUITED_TRACKER[self.model]}
        return self._add(secrets.token_hex(12), TRACK, client, spec, {})

    def _check(self, request: RenderRequest) -> None:
        if max(request.width, request.height) > self._config.edge:
            raise GagavatarError(f"Width and height can be {self._config.edge} at most here.")
        if request.seconds is not None and request.seconds > self._config.seconds:
            raise GagavatarError(f"Motions can be {self._config.seconds:g} seconds long at most here.")
        if request.background == "transparent" and request.format not in ("webm", "mov", "png"):
            raise GagavatarError(f"{request.format} has no transparency: choose webm, mov or png.")
        if request.compare and (request.stitch or request.background == "transparent"):
            raise GagavatarError("compare goes with neither stitch nor a transparent background: leave one out.")

    def _add(
        self,
        one: str,
        kind: str,
        client: Client,
        spec: dict[str, Any],
        names: dict[str, str],
        needs: tuple[str, ...] = (),
    ) -> Task:
        extension = spec.get("format", "safetensors")
        result = str(self._config.data / _FOLDERS[kind] / f"{one}.{extension}")
        whole = {
            **spec,
            "result": result,
            "names": {**names, result: "The result"},
            "limits": {"pixels": self._config.pixels, "seconds": self._config.seconds, "edge": self._config.edge},
            "published": plain_settings(self._config.settings),
        }
        expires = time.time() + self._config.lifetime
        self.ledger.add([Task(one, kind, whole, needs, needs[0] if needs else None, client.name, expires)])
        task = self.ledger.get(one)
        if task is None:
            raise MediaError("The task could not be stored: try again.")
        return task

    def _upload(self, one: str) -> Path:
        return self._config.data / "uploads" / f"{one}.upload"
