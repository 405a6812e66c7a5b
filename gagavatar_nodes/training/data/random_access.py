"""Single frames of a video, in any order."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import FileFormatError
from ...media.streams import frame_to_rgb, moving_picture, open_container
from ...recent import Recent

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

CACHE_BYTES = 512 << 20
"""Decoded frames that a process keeps, over all videos: those on the way to a frame are likely asked for too."""


class VideoFrames:
    """The frames of a video file by number, decoded from the key frame before. Safe to use from several threads.

    Raises:
        FileFormatError: it is missing, damaged, or no video.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import av

        self._path = Path(path)
        self._lock = threading.Lock()
        try:
            self._container = open_container(self._path)
            self._stream = moving_picture(self._container)
            packets = [] if self._stream is None else list(self._container.demux(self._stream))
        except (av.error.FFmpegError, OSError) as error:
            raise FileFormatError(f"{self._path} cannot be read as a video ({error}): prepare it again") from error
        self._times = sorted(packet.pts for packet in packets if packet.pts is not None)
        if not self._times:
            raise FileFormatError(f"{self._path} has no frames: prepare it again")

    def __len__(self) -> int:
        return len(self._times)

    def frame(self, number: int) -> np.ndarray:
        """[H, W, 3] uint8 RGB; do not write into it.

        Raises:
            FileFormatError: there is no such frame, or it is damaged.
        """
        if not 0 <= number < len(self._times):
            raise FileFormatError(f"{self._path} has {len(self)} frames and no frame {number}: prepare it again")
        time = self._times[number]
        kept = _cache.get(self._path, time)
        if kept is not None:
            return kept
        with self._lock:
            return self._decode(time, number)

    def _decode(self, time: int, number: int) -> np.ndarray:
        import av

        problem: object = "it is missing"
        try:
            self._container.seek(time, stream=self._stream, backward=True)
            for frame in self._container.decode(self._stream):
                picture = self._keep(frame)
                if frame.pts == time:
                    return picture
                if frame.pts > time:
                    break
        except av.error.FFmpegError as error:
            problem = error
        raise FileFormatError(f"{self._path} is damaged at frame {number} ({problem}): prepare it again")

    def _keep(self, frame: VideoFrame) -> np.ndarray:
        picture = _cache.get(self._path, frame.pts)
        if picture is None:
            picture = frame_to_rgb(frame, frame.width, frame.height)
            _cache.put(self._path, frame.pts, picture)
        return picture


class _FrameCache:
    """Frames by file and time, the longest unused let go of first."""

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self._frames: Recent[tuple[Path, int], np.ndarray] = Recent(most, lambda picture: picture.nbytes)
        self._lock = threading.Lock()

    def get(self, path: Path, time: int) -> np.ndarray | None:
        with self._lock:
            return self._frames.get((path, time))

    def put(self, path: Path, time: int, picture: np.ndarray) -> None:
        with self._lock:
            self._frames.put((path, time), picture)


_cache = _FrameCache()
