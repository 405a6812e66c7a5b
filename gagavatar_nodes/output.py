"""What comes out: frames laid out and finished, pictures and videos written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .avatars import Drawing, Performance
from .choices import SIZES
from .errors import GagavatarError, MediaError
from .rendering.compositing import BLACK
from .types import Progress

if TYPE_CHECKING:
    from .media.backgrounds import Background
    from .rendering.stitching import Stitcher


@dataclass(frozen=True)
class Comparison:
    """What a result is compared with."""

    portrait: np.ndarray
    """[h, w, 3] uint8 RGB."""
    driver: str | os.PathLike[str] | None = None
    """The driver's video or picture, if there is one."""
    times: np.ndarray | None = None
    """Seconds of it that go with each frame, see `Motion.times`."""


@dataclass(frozen=True)
class Look:
    """How frames are laid out and finished."""

    width: int = 512
    height: int = 512
    background: Background | None = None
    """Black where it is None."""
    stitcher: Stitcher | None = None
    """Puts the head back into its picture, which takes the place of size and background."""
    comparison: Comparison | None = None
    """What is shown to the left of the result."""

    def __post_init__(self) -> None:
        low, high = SIZES
        if not (low <= self.width <= high and low <= self.height <= high):
            raise GagavatarError(f"The size must be {low} to {high} pixels a side, but got {self.width}x{self.height}")


def render(
    performance: Performance,
    path: str | os.PathLike[str],
    look: Look | None = None,
    audio_from: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> int:
    """Write a performance: a video, a numbered PNG sequence, or a still picture of its first frame.

    Args:
        performance: from `Avatar.perform`.
        path: the extension chooses the format; see `media.video_writer.VideoWriter`.
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
        return _write_picture(performance, path, look)
    if len(performance) < 2:
        raise MediaError(f"{path}: the driver has a single frame; name a picture as output, such as out.png")
    return _write_video(performance, path, look, audio_from, progress)


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
    """Validate an output path before any work: extension, transparency, folder.

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


def compose_frames(
    performance: Performance, look: Look | None = None, indices: Iterable[int] | None = None
) -> Iterator[np.ndarray]:
    """Yield frames [H, W, 3 or 4] uint8 as `render` writes them, one after the other in constant memory."""
    from .media.retiming import frames_at
    from .media.video_reader import VideoReader
    from .rendering.layout import comparison

    look = look or Look()
    drawings, driver = _drawings(performance, look, indices), None
    with ExitStack() as stack:
        if look.comparison is not None and look.comparison.driver is not None:
            video = stack.enter_context(VideoReader(look.comparison.driver, fps=performance.fps))
            driver = frames_at(video, look.comparison.times, performance.fps)
        shown: list[np.ndarray] = []
        for frame in _composite(drawings, performance.fps, look):
            if look.comparison is None:
                yield frame
                continue
            if driver is not None:
                shown = [next(driver, *shown)]
            yield comparison([look.comparison.portrait, *shown, frame])


def _drawings(performance: Performance, look: Look, indices: Iterable[int] | None) -> Iterator[Drawing]:
    if look.stitcher is None:
        return performance.frames(look.width, look.height, indices, alpha=not _on_black(look))
    return performance.frames(look.stitcher.edge, look.stitcher.edge, indices)


def _on_black(look: Look) -> bool:
    from .media.backgrounds import ColorBackground

    return look.background is None or (isinstance(look.background, ColorBackground) and look.background.color == BLACK)


def _composite(drawings: Iterator[Drawing], fps: float, look: Look) -> Iterator[np.ndarray]:
    from .rendering.compositing import composite

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


def _write_picture(performance: Performance, path: str | os.PathLike[str], look: Look) -> int:
    from .media.images import write_image

    write_image(path, next(compose_frames(performance, look, [0])))
    return 1


def _write_video(
    performance: Performance,
    path: str | os.PathLike[str],
    look: Look,
    audio_from: str | os.PathLike[str] | None,
    progress: Progress | None,
) -> int:
    from .media.video_writer import VideoWriter

    frames = compose_frames(performance, look)
    first = next(frames)
    size, alpha = (first.shape[1], first.shape[0]), first.shape[2] == 4
    with VideoWriter(path, performance.fps, size, alpha, audio_from) as video:
        video.write(first)
        for count, frame in enumerate(frames, 2):
            video.write(frame)
            if progress is not None:
                progress(count, len(performance))
    return video.frame_count
