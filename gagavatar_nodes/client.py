"""A client of `gagavatar serve`.

from gagavatar_nodes.client import Client

with Client("http://127.0.0.1:8000", key="...") as client:
    avatar = client.create_avatar("photo.jpg")
    motion = client.create_motion("talking.mp4")
    clip = client.wait(client.create_render(avatar.id, motion.id, width=256, height=256))
    client.download(clip.id, "out.mp4")
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from .errors import GagavatarError
from .media.files import atomic_output
from .packages import load_package

Kind = Literal["avatars", "motions", "renders"]
_FINISHED = ("done", "failed", "canceled")
_LIVE_SECONDS = 60.0
_REMEDY = 'pip install "gagavatar-nodes[client]"'


class ServiceError(GagavatarError):
    """What the service refused."""

    def __init__(self, status: int, message: str, request_id: str | None = None, retry_after: float | None = None):
        super().__init__(message)
        self.status, self.request_id, self.retry_after = status, request_id, retry_after


@dataclass(frozen=True)
class Item:
    """An avatar, a motion or a clip, as the service had it when it was asked."""

    kind: Kind
    id: str
    state: Literal["queued", "running", "done", "failed", "canceled"]
    done: int
    total: int | None
    error: str | None
    created: str
    expires: str | None
    details: dict[str, Any] | None

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in _FINISHED


class Client:
    """One service, asked by one key."""

    def __init__(self, url: str, key: str | None = None, timeout: float = 60.0, patience: float = 0.0) -> None:
        """`patience` is for how many seconds a full queue is asked again."""
        httpx = load_package("httpx", "The client", "httpx", _REMEDY)
        self._url, self._key, self._patience = url.rstrip("/"), key, patience
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=self._url, headers=headers, timeout=timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def create_avatar(
        self, portrait: str | os.PathLike[str], density: int | None = None, face: int | None = None
    ) -> Item:
        """Upload a picture with a face; the avatar is made while `wait` waits."""
        return self._upload("avatars", "portrait", portrait, {"density": density, "face": face})

    def create_motion(
        self, video: str | os.PathLike[str], smoothing: float | None = None, face: int | None = None, **how: Any
    ) -> Item:
        """Upload a driver: a video or picture of a face, or a voice.

        `how` are further fields of the service's form, such as `drive="sound"`, `text="What is said."`, `head=0.5`.
        """
        return self._upload("motions", "video", video, {"smoothing": smoothing, "face": face, **how})

    def create_render(self, avatar: str, motion: str, **options: Any) -> Item:
        """Ask for a clip; `options` are the fields of the service's RenderRequest."""
        return self._item(
            "renders", self._ask("POST", "/renders", json={"avatar": avatar, "motion": motion, **options})
        )

    def get(self, kind: Kind, one: str) -> Item:
        """Return how far something is."""
        return self._item(kind, self._ask("GET", f"/{kind}/{one}"))

    def cancel(self, item: Item) -> Item:
        """End the work on something."""
        return self._item(item.kind, self._ask("POST", f"/{item.kind}/{item.id}/cancel"))

    def delete(self, item: Item) -> None:
        """Remove something from the service."""
        self._ask("DELETE", f"/{item.kind}/{item.id}")

    def follow(self, item: Item) -> Iterator[Item]:
        """Yield what becomes of something, until it is finished or the service ends the stream."""
        with self._http.stream("GET", f"/{item.kind}/{item.id}/events") as answer:
            if answer.status_code != 200:
                answer.read()
                raise self._error(answer)
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield self._from(item.kind, json.loads(line.removeprefix("data: ")))

    def wait(self, item: Item, seconds: float = 3600.0) -> Item:
        """Return something when it is done, over restarts of the service too.

        Raises:
            ServiceError: it failed, was canceled, or took longer.
        """
        httpx, end = load_package("httpx", "The client", "httpx", _REMEDY), time.monotonic() + seconds
        while not item.is_finished:
            if time.monotonic() > end:
                raise ServiceError(504, f"{item.kind} {item.id} is not finished after {seconds:g} s")
            try:
                item = self.get(item.kind, item.id)
                for news in self.follow(item):
                    item = news
                    if item.is_finished or time.monotonic() > end:
                        break
            except httpx.TransportError:  # the service is being started again
                time.sleep(0.5)
        if item.state != "done":
            raise ServiceError(409, item.error or item.state)
        return item

    def download(self, render: str, path: str | os.PathLike[str]) -> Path:
        """Write a finished clip to a file, whole or not at all."""
        with self._http.stream("GET", f"/renders/{render}/result") as answer:
            if answer.status_code != 200:
                answer.read()
                raise self._error(answer)
            with atomic_output(path) as temporary, open(temporary, "wb") as stream:
                for piece in answer.iter_bytes():
                    stream.write(piece)
        return Path(path)

    @contextmanager
    def live(self, avatar: str, **options: Any) -> Iterator[Live]:
        """Open a live avatar; `options` are the parameters of the service's WebSocket: size, format, input, ..."""
        client = load_package("websockets.sync.client", "A live avatar", "websockets", _REMEDY)
        query = "&".join(f"{name}={value}" for name, value in options.items())
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        address = f"{self._url.replace('http', 'ws', 1)}/live/{avatar}?{query}"
        with client.connect(address, additional_headers=headers, max_size=None) as socket:
            live = Live(socket)
            live.receive()  # it says that it is ready
            yield live

    def _upload(self, kind: Kind, field: str, path: str | os.PathLike[str], form: dict[str, Any]) -> Item:
        data = {name: str(value) for name, value in form.items() if value is not None}
        content = Path(path).read_bytes()
        return self._item(kind, self._ask("POST", f"/{kind}", data=data, files={field: (Path(path).name, content)}))

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        end = time.monotonic() + self._patience
        while True:
            answer = self._http.request(method, path, **options)
            if answer.is_success:
                return answer
            error = self._error(answer)
            if error.retry_after is None or time.monotonic() + error.retry_after > end:
                raise error
            time.sleep(error.retry_after)

    def _error(self, answer: Any) -> ServiceError:
        try:
            body = answer.json()
        except ValueError:
            body = {"error": f"HTTP {answer.status_code}"}
        after = answer.headers.get("retry-after")
        return ServiceError(
            answer.status_code, body.get("error", ""), body.get("request_id"), float(after) if after else None
        )

    def _item(self, kind: Kind, answer: Any) -> Item:
        return self._from(kind, answer.json())

    @staticmethod
    def _from(kind: Kind, body: dict[str, Any]) -> Item:
        names = [one.name for one in fields(Item) if one.name != "kind"]
        return Item(kind, **{name: body[name] for name in names})


class Live:
    """A live avatar's connection."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    def draw(self, message: bytes) -> bytes | None:
        """Send a picture's file, or landmarks; return the avatar's picture, or None where no face was found.

        Raises:
            ServiceError: the message was refused.
        """
        self.send(message)
        return self.receive()

    def send(self, message: bytes) -> None:
        """Send a picture's file, or landmarks, without waiting: of several that wait the newest is drawn."""
        self._socket.send(message)

    def receive(self) -> bytes | None:
        """Return the next picture that comes, or None where something else does."""
        exceptions = load_package("websockets.exceptions", "A live avatar", "websockets", _REMEDY)
        try:
            answer = self._socket.recv(_LIVE_SECONDS)
        except exceptions.ConnectionClosed as error:
            code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
            raise ServiceError(code - 4000 if code > 4000 else 503, reason or "The connection has ended") from error
        if isinstance(answer, bytes):
            return answer
        said = json.loads(answer)
        if "error" in said:
            raise ServiceError(422, said["error"])
        return None
