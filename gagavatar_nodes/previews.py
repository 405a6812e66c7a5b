"""Videos that show what was tracked, drawn on the frames that it was tracked in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import numpy as np

from .types import TURNS, Motion

if TYPE_CHECKING:
    from .heads.flame import Flame
    from .trackers import OnFrame, Square


@contextmanager
def landmark_preview(video: str | os.PathLike[str], path: str | os.PathLike[str]) -> Iterator[OnFrame]:
    """Write a video with landmarks, box and axes to `path`. Call what it gives for each frame of `video`, in order.

    Raises:
        MediaError: `video` cannot be read, or `path` not be written.
    """
    from .media.video_reader import VideoReader
    from .media.video_writer import VideoWriter
    from .tracking.overlay import draw_overlay

    with VideoReader(video) as reader:
        fps, size = reader.fps, reader.size
    with ExitStack() as stack:
        writers: list[VideoWriter] = []

        def draw(index: int, image: np.ndarray, points: np.ndarray | None, bridged: bool) -> None:
            if not writers:  # the first frame is tracked: what could not start the tracker leaves no file
                writers.append(stack.enter_context(VideoWriter(path, fps, size, audio_from=video)))
            writers[0].write(draw_overlay(image, points, bridged=bridged))

        yield draw


def write_flame_preview(
    video: str | os.PathLike[str],
    path: str | os.PathLike[str],
    flame: Flame,
    motion: Motion,
    squares: list[Square] | None,
) -> None:
    """Read a tracked video again and write it to `path` with FLAME's mesh: the fit is known after the last frame.

    `squares` are those of `trackers.track_file`. Raises as `landmark_preview` does.
    """
    from .media.video_reader import VideoReader
    from .media.video_writer import VideoWriter
    from .tracking.landmarks import FlameOverlay

    overlay = FlameOverlay(flame, motion, squares)
    turns = int(motion.extra.get(TURNS, 0))
    with VideoReader(video) as reader:
        size = reader.size if turns % 2 == 0 else reader.size[::-1]
        with VideoWriter(path, reader.fps, size, audio_from=video) as writer:
            for index, frame in enumerate(reader):
                writer.write(overlay(index, np.rot90(frame, turns)))
