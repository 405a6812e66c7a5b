"""Frames of a video, or of a folder of numbered pictures, as data sets and other programs have them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import MediaError
from ..media.images import read_image
from ..media.video_reader import VideoReader
from ..types import FrameSource

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".gif")
FOLDER_FPS = 25.0


class PictureFolder:
    """The pictures of a folder in the order of their names: `types.FrameSource`."""

    def __init__(self, folder: Path, fps: float = FOLDER_FPS) -> None:
        """Raise MediaError where the folder holds no picture."""
        self.path, self.fps = folder, fps
        self._files = sorted(file for file in folder.iterdir() if file.suffix.lower() in PICTURES)
        if not self._files:
            raise MediaError(f"{folder} holds no picture: name a video, or a folder of {', '.join(PICTURES)} files")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of the first."""
        height, width = read_image(self._files[0]).rgb.shape[:2]
        return width, height

    @property
    def frame_count(self) -> int:
        """Number of pictures."""
        return len(self._files)

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.frames_from(0)

    def frames_from(self, first: int) -> Iterator[np.ndarray]:
        """Yield the pictures from number `first` on."""
        return (read_image(file).rgb for file in self._files[first:])


@contextmanager
def open_frames(path: Path) -> Iterator[FrameSource]:
    """Open a video, a picture or a folder of pictures. Raises MediaError where it is none of these."""
    if path.is_dir():
        yield PictureFolder(path)
        return
    with VideoReader(path) as video:
        yield video


def first_frame(path: Path) -> np.ndarray:
    """[H, W, 3] uint8, the first frame."""
    with open_frames(path) as frames:
        return next(iter(frames)).copy()


def is_frames(path: Path) -> bool:
    """Whether a path looks like a video or a folder of pictures."""
    if path.is_dir():
        return any(file.suffix.lower() in PICTURES for file in path.iterdir())
    return path.suffix.lower() in VIDEOS
