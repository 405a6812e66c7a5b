"""The public Python API: read a portrait and a driver, lift once, drive many, write what comes out.

from gagavatar_nodes import pipeline

avatar = pipeline.lift(pipeline.read_portrait("photo.jpg"))
motion = pipeline.read_driver("talking.mp4")
pipeline.render(avatar.perform(motion), "out.mp4", motion.fps, audio_from="talking.mp4")
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .avatars import Avatar, Drawing, Performance
from .cache import cached, content_key
from .errors import FaceError, GagavatarError, MediaError
from .types import Motion, Portrait

if TYPE_CHECKING:
    from .media.backgrounds import Background
    from .rendering.stitching import Stitcher

Progress = Callable[[int, int | None], None]
"""Called with the number of frames done and how many there are, if that is known."""

SIZES = (16, 2048)
"""Smallest and largest edge of a rendered image in pixels."""
MODELS = ("auto", "embedded")
DEFAULT_SMOOTHING = 0.3


def read_portrait(path: str | os.PathLike[str], face: int | tuple[float, float] | None = None) -> Portrait:
    """Finds, crops and mattes the face of a picture; see `tracking.portrait.track_portrait`.

    Raises:
        MediaError: the picture cannot be read.
        FaceError: it shows no face, none at that index or point, or one that is too small or cut off.
    """
    from .media.images import read_image
    from .tracking.portrait import track_portrait

    picture = read_image(path)
    if isinstance(face, tuple):
        face = face[0] * picture.scale, face[1] * picture.scale
    try:
        return track_portrait(picture.rgb, picture.alpha, face)
    except FaceError as error:
        raise FaceError(f"{path}: {error}") from error


def read_driver(
    source: str | os.PathLike[str],
    smoothing: float = DEFAULT_SMOOTHING,
    face: int | tuple[float, float] | None = None,
    seconds: float | None = None,
    fps: float | None = None,
    progress: Progress | None = None,
    use_cache: bool = True,
) -> Motion:
    """The motion of a driver: a video or picture of a face, a motion file, or a built-in motion's name.

    Args:
        source: a path, or one of `driving.builtin.BUILTIN_NAMES` where there is no such file.
        smoothing: strength of the One-Euro filter, 0 (raw) to 1; videos only.
        face: which face to follow: None for the largest, an index, or a point (x, y) in pixels.
        seconds: length of a built-in motion.
        fps: frames a second to resample to; None keeps the driver's own.
        progress: called while a video is tracked.
        use_cache: take the motion from the cache when the same file was tracked in the same way before.

    Raises:
        MediaError: the file cannot be read, or holds no picture.
        FaceError: it shows no face.
        FileFormatError: a motion file that is damaged or from a newer version.
    """
    from .driving.builtin import BUILTIN_NAMES, builtin_motion
    from .driving.motion_file import is_motion_file, load_motion, save_motion
    from .driving.operations import resample

    check_driver(source)
    if str(source) in BUILTIN_NAMES and not Path(source).exists():
        return builtin_motion(str(source), seconds, fps or 25.0)
    if is_motion_file(source) or not is_media(source):
        motion = load_motion(source)
    elif use_cache:
        key = content_key(source, "motion", smoothing, face)
        motion = cached(key, lambda: track(source, smoothing, face, progress), load_motion, save_motion)
    else:
        motion = track(source, smoothing, face, progress)
    return resample(motion, fps) if fps and fps != motion.fps else motion


def check_driver(source: str | os.PathLike[str]) -> None:
    """Finds out before the work that a driver is neither a file nor a built-in motion.

    Raises:
        MediaError: it is neither, or an empty file.
    """
    from .driving.builtin import BUILTIN_NAMES
    from .media.files import readable_file

    if Path(source).exists():
        readable_file(source)
    elif str(source) not in BUILTIN_NAMES:
        names = ", ".join(BUILTIN_NAMES)
        raise MediaError(f"{source} does not exist: give a video, a picture, a motion file, or one of {names}")


def track(
    path: str | os.PathLike[str],
    smoothing: float = DEFAULT_SMOOTHING,
    face: int | tuple[float, float] | None = None,
    progress: Progress | None = None,
    on_frame: Callable[[int, np.ndarray, np.ndarray | None, bool], None] | None = None,
) -> Motion:
    """Follows a face through a video, streamed; see `tracking.video.track_video`."""
    from .media.video_reader import VideoReader
    from .tracking.video import track_video

    with VideoReader(path) as video:
        total = video.frame_count
        done = None if progress is None else lambda count: progress(count, total)
        try:
            return track_video(video, video.fps, smoothing, face, on_frame, done, Path(path).name)
        except FaceError as error:
            text = str(error)
            raise error if text.startswith(Path(path).name) else FaceError(f"{path}: {text}") from error


def lift(portrait: Portrait, model: str = "auto", density: int | None = None) -> Avatar:
    """Lifts a portrait into an avatar.

    Args:
        portrait: from `read_portrait`.
        model: one of `MODELS`. "auto" is the embedded avatar.
        density: lattice nodes a side of the embedded avatar, 148 to 512; None for 296.
    """
    from .lifting.geometric import DENSITY, lift_portrait

    if model not in MODELS:
        raise GagavatarError(f"There is no avatar model '{model}': choose one of {', '.join(MODELS)}")
    return lift_portrait(portrait, density or DENSITY)


@dataclass(frozen=True)
class Look:
    """How frames are laid out and finished."""

    width: int = 512
    height: int = 512
    background: Background | None = None
    """Black where it is None."""
    stitcher: Stitcher | None = None
    """Puts the head back into its picture, which takes the place of size and background."""
    beside: tuple[np.ndarray, str | os.PathLike[str] | None] | None = None
    """Portrait [h, w, 3] uint8 and the driver's video, if there is one, to show to the left of the result."""

    def __post_init__(self) -> None:
        low, high = SIZES
        if not (low <= self.width <= high and low <= self.height <= high):
            raise GagavatarError(f"The size must be {low} to {high} pixels a side, but got {self.width}x{self.height}")


def render(
    performance: Performance,
    path: str | os.PathLike[str],
    fps: float,
    look: Look | None = None,
    audio_from: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> int:
    """Writes a performance: a video, a numbered PNG sequence, or a still picture of its first frame.

    Args:
        performance: from `Avatar.perform`.
        path: the extension chooses the format; see `media.video_writer.VideoWriter`.
        fps: frames a second.
        look: size, background and layout; 512 x 512 on black unless given.
        audio_from: file whose sound is carried over.
        progress: called with each frame.

    Returns:
        The number of frames written.

    Raises:
        MediaError: the file cannot be written in this format or at this place.
    """
    look = look or Look()
    if is_picture(path):
        return _write_picture(performance, path, fps, look)
    if len(performance) < 2:
        raise MediaError(f"{path}: the driver has a single frame; name a picture as output, such as out.png")
    return _write_video(performance, path, fps, look, audio_from, progress)


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a path names one picture rather than a video or a sequence."""
    from .media.formats import is_png_sequence
    from .media.images import EXTENSIONS

    return Path(path).suffix.lower() in EXTENSIONS and not is_png_sequence(path)


def check_output(
    path: str | os.PathLike[str],
    transparent: bool = False,
    inputs: Iterable[str | os.PathLike[str] | None] = (),
) -> None:
    """Finds out before the work what would fail after it: the extension, its lack of transparency, a missing folder.

    Args:
        path: picture, video or numbered pictures.
        transparent: the output has an alpha channel.
        inputs: files that the output must not take the place of.

    Raises:
        MediaError: the output cannot be written.
    """
    from .media.files import check_writable
    from .media.formats import choose_format, is_png_sequence
    from .media.images import check_picture_format

    if is_picture(path):
        check_picture_format(path, transparent)
    elif not is_png_sequence(path):
        choose_format(path, transparent)
    check_writable(Path(path).parent if is_png_sequence(path) else path, inputs, folder=is_png_sequence(path))


def is_media(source: str | os.PathLike[str]) -> bool:
    """Whether a driver is a video or picture, rather than a motion file or a built-in motion."""
    return Path(source).is_file() and Path(source).suffix.lower() != ".safetensors"


def finished_frames(
    performance: Performance, fps: float, look: Look, indices: Iterable[int] | None = None
) -> Iterator[np.ndarray]:
    """Frames [H, W, 3 or 4] uint8 as `render` writes them, one after the other in constant memory."""
    from .media.video_reader import VideoReader
    from .rendering.layout import comparison

    drawings, driver = _drawings(performance, look, indices), None
    with ExitStack() as stack:
        if look.beside is not None and look.beside[1] is not None:
            driver = iter(stack.enter_context(VideoReader(look.beside[1], fps=fps)))
        shown: list[np.ndarray] = []
        for frame in _composited(drawings, fps, look):
            if look.beside is None:
                yield frame
                continue
            if driver is not None:
                shown = [next(driver, *shown)]
            yield comparison([look.beside[0], *shown, frame])


def in_background(work: Callable[[], Avatar]) -> Callable[[], Avatar]:
    """Starts `work` in a thread that an interrupted program abandons; returns a function that waits for the result."""
    result: list[Avatar] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as error:  # the caller's thread raises it
            failure.append(error)

    thread = threading.Thread(target=run, name="lift", daemon=True)
    thread.start()

    def wait() -> Avatar:
        thread.join()
        if failure:
            raise failure[0]
        return result[0]

    return wait


def _drawings(performance: Performance, look: Look, indices: Iterable[int] | None) -> Iterator[Drawing]:
    if look.stitcher is None:
        return performance.frames(look.width, look.height, indices)
    return performance.frames(look.stitcher.edge, look.stitcher.edge, indices)


def _composited(drawings: Iterator[Drawing], fps: float, look: Look) -> Iterator[np.ndarray]:
    from .rendering.compositing import BLACK, composite

    if look.stitcher is not None:
        for rgb, alpha in drawings:
            yield look.stitcher.stitch(rgb, alpha)
        return
    if look.background is None:
        for rgb, alpha in drawings:
            yield composite(rgb, alpha, BLACK)
        return
    backgrounds = look.background.frames((look.width, look.height), fps)
    for (rgb, alpha), behind in zip(drawings, backgrounds, strict=False):
        yield composite(rgb, alpha, behind)


def _write_picture(performance: Performance, path: str | os.PathLike[str], fps: float, look: Look) -> int:
    from .media.images import write_image

    write_image(path, next(finished_frames(performance, fps, look, [0])))
    return 1


def _write_video(
    performance: Performance,
    path: str | os.PathLike[str],
    fps: float,
    look: Look,
    audio_from: str | os.PathLike[str] | None,
    progress: Progress | None,
) -> int:
    from .media.video_writer import VideoWriter

    frames = finished_frames(performance, fps, look)
    first = next(frames)
    size, alpha = (first.shape[1], first.shape[0]), first.shape[2] == 4
    with VideoWriter(path, fps, size, alpha, audio_from) as video:
        video.write(first)
        for count, frame in enumerate(frames, 2):
            video.write(frame)
            if progress is not None:
                progress(count, len(performance))
    return video.frame_count
