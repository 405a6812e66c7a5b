"""Live avatars: a process for each connection, which takes a camera's frames or landmarks and gives pictures."""

from __future__ import annotations

import io
import multiprocessing
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..background import Prefetch
from ..batch.workers import limit_threads
from ..errors import GagavatarError, MediaError
from ..processes import end_with_parent
from ..settings import Settings

if TYPE_CHECKING:
    from ..avatars import Performance

LARGEST_MESSAGE = 4_000_000
"""Bytes of one frame."""
LANDMARKS = 478
AHEAD = 2
"""Messages that are worked on at a time: while one is drawn, the face of the next is looked for."""
_MOST_PIXELS = 4_000_000
_ANSWER_SECONDS = 20.0


@dataclass(frozen=True)
class LiveOptions:
    """What a connection asked for."""

    size: int = 256
    format: Literal["jpeg", "webp"] = "jpeg"
    quality: int = 85
    input: Literal["frames", "landmarks"] = "frames"
    width: int = 640
    """Of the camera's picture, for landmarks."""
    height: int = 480
    fps: float = 25.0


class MessageError(GagavatarError):
    """One message could not be used; the next one may be."""


class LiveSession:
    """One avatar that follows one camera."""

    def __init__(self, avatar: str, options: LiveOptions, settings: Settings) -> None:
        """`avatar` is the path of its file."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, avatar, options, settings), daemon=True)
        self._process.start()
        theirs.close()

    def start(self) -> None:
        """Wait until the avatar is there.

        Raises:
            GagavatarError: it cannot be loaded.
        """
        self._receive(60.0)

    def feed(self, message: bytes) -> None:
        """Give it a frame, or landmarks; at most `AHEAD` of them without an answer.

        Raises:
            GagavatarError: the process has died.
        """
        try:
            self._pipe.send_bytes(message)
        except OSError as error:
            raise GagavatarError("The live avatar has ended: connect again.") from error

    def draw(self) -> bytes | None:
        """Return the picture for the earliest message without an answer; None where there is no face.

        Raises:
            MessageError: the message is none.
            GagavatarError: the process has died.
        """
        return self._receive(_ANSWER_SECONDS)

    def end(self) -> None:
        """End the process; whoever waits for it learns of it."""
        self._process.kill()
        self._process.join()

    def close(self) -> None:
        """Let go of the ended process."""
        self._pipe.close()

    def _receive(self, seconds: float) -> bytes | None:
        try:
            if not self._pipe.poll(seconds):
                raise GagavatarError("The live avatar takes too long: connect again.")
            kind, answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise GagavatarError("The live avatar has ended: connect again.") from error
        if kind == "error":
            raise MessageError(answer)
        return answer


def _serve(pipe: Connection, path: str, options: LiveOptions, settings: Settings) -> None:
    """In a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    limit_threads(1)  # one for the face, one for the picture
    try:
        stage = _Stage(path, options, settings)
        pipe.send(("picture", None))
        with Prefetch(map(stage.follow, iter(pipe.recv_bytes, None)), AHEAD - 1) as followed:
            for found in followed:
                pipe.send(("error", str(found)) if isinstance(found, Exception) else ("picture", stage.draw(found)))
    except (EOFError, OSError):
        return
    except GagavatarError:
        pipe.send(("error", "The avatar cannot be loaded: make it again."))


class _Stage:
    def __init__(self, path: str, options: LiveOptions, settings: Settings) -> None:
        from ..avatars import load_avatar
        from ..live import LiveDriver
        from ..tracking.live import LiveLandmarks, LiveTracker

        self._options = options
        follower = {"frames": LiveTracker, "landmarks": LiveLandmarks}[options.input]
        self._driver = LiveDriver(load_avatar(path, settings), follower(options.fps))

    def follow(self, message: bytes) -> Performance | GagavatarError | None:
        """Return the avatar under the face of a message; None without a face, the error of one that is none."""
        options = self._options
        try:
            if options.input == "frames":
                return self._driver.feed(_decode(message))
            picture = options.height, options.width
            return self._driver.feed((_points(message, *picture), picture))
        except GagavatarError as error:
            return error

    def draw(self, performance: Performance | None) -> bytes | None:
        """Return the picture, encoded."""
        options = self._options
        if performance is None:
            return None
        rgb, _ = next(performance.frames(options.size, options.size, alpha=False))
        return _encode((np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8), options)


def _decode(message: bytes) -> np.ndarray:
    """Return the picture [H, W, 3] uint8 of a JPEG, PNG or WebP file."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(message), formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise MediaError("The frame is too large: send smaller ones, such as 640x480.")
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError("The frame is no JPEG, PNG or WebP picture.") from error


def _points(message: bytes, height: int, width: int) -> np.ndarray:
    """Return landmarks [478, 3] in pixels of little-endian float32 in 0..1 of the picture, z in picture widths."""
    if len(message) != LANDMARKS * 12:
        raise GagavatarError(f"Landmarks are {LANDMARKS} x 3 float32 numbers, {LANDMARKS * 12} bytes.")
    points = np.frombuffer(message, "<f4").reshape(LANDMARKS, 3)
    if not np.isfinite(points).all() or np.abs(points).max() > 100 or np.ptp(points[:, :2], axis=0).min() < 1e-4:
        raise GagavatarError("The landmarks are no face.")
    return points * np.array([width, height, width], np.float32)


def _encode(picture: np.ndarray, options: LiveOptions) -> bytes:
    from PIL import Image

    stream, choice = io.BytesIO(), dict[str, Any](quality=options.quality)
    if options.format == "webp":
        choice["method"] = 0
    Image.fromarray(picture).save(stream, options.format.upper(), **choice)
    return stream.getvalue()
