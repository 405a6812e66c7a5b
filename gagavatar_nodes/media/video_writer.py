"""Videos written frame by frame, encoded in a background thread."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..background import Channel, Task
from ..errors import MediaError
from .encoders import FileEncoder, PngEncoder
from .files import atomic_folder, atomic_output
from .formats import choose_format, is_png_sequence
from .timing import as_fraction

_QUEUE = 4


class VideoWriter:
    """A video file (or numbered PNG files, `frames/head_%05d.png`) that appears whole or not at all.

        with VideoWriter("out.mp4", 25, (512, 512), audio_from="driver.mp4") as video:
            video.write(frame)  # [H, W, 3] uint8 RGB

    The extension chooses the format: mp4, m4v, mkv (H.264), mov (H.264, or ProRes 4444 with alpha), webm (VP9, with or
    without alpha), gif. Sizes are even, see `media.even`. Leaving the block by an exception removes what was
    written.

    Raises:
        MediaError: unknown extension, no transparency in this format, unwritable folder, full disk, unreadable sound.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fps: float | Fraction,
        size: tuple[int, int],
        alpha: bool = False,
        audio_from: str | os.PathLike[str] | None = None,
        audio_start: float = 0.0,
        crf: int = 18,
        keyframes: int | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """Open the file.

        Args:
            path: its extension chooses the format.
            fps: frames a second.
            size: (width, height) of the frames in pixels.
            alpha: frames are [H, W, 4], straight RGBA.
            audio_from: media file whose sound is carried over, up to the last frame; one without sound is fine.
            audio_start: seconds into `audio_from` that the first frame shows.
            crf: constant rate factor of H.264, 0 (lossless) to 51; formats with another scale get its equivalent.
            keyframes: frames from one that can be decoded alone to the next, at most; None leaves it to the encoder.
            notes: texts by name to keep in the file; GIF and PNG files have no place for them.
        """
        if not 0 <= crf <= 51:
            raise ValueError(f"Got crf {crf} but expected 0 to 51")
        if min(size) < 1:
            raise ValueError(f"Got size {size} but expected positive numbers")
        rate = as_fraction(fps)
        self.path = Path(path)
        self.frame_count = 0
        self._shape = (size[1], size[0], 4 if alpha else 3)
        self._frames: Channel[np.ndarray] = Channel(_QUEUE)
        self._output = ExitStack()
        with ExitStack() as guard:
            guard.push(self._output)
            self._encoder = self._open(rate, audio_from, audio_start, crf, keyframes, notes)
            guard.pop_all()
        self._encoding = Task(self._encode, "video-writer")

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        problem = error
        if problem is None:
            try:
                self._complete()
            except BaseException as failure:
                problem = failure
        self._frames.close()
        self._encoding.join()
        if problem is None:
            self._output.close()
            return
        # Removes the temporary file, and raises a MediaError where the disk is the reason.
        self._output.__exit__(type(problem), problem, problem.__traceback__)
        if problem is not error:
            raise problem

    def write(self, frame: np.ndarray) -> None:
        """Queue a copy of one frame, [H, W, 3] RGB or with alpha [H, W, 4] straight RGBA, uint8.

        Raises:
            MediaError: an earlier frame could not be written.
        """
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"Got a frame {frame.shape} {frame.dtype} but expected {self._shape} uint8")
        if not self._frames.put(frame.copy()):
            self._encoding.result()
        self.frame_count += 1

    def _open(
        self,
        fps: Fraction,
        audio_from: str | os.PathLike[str] | None,
        audio_start: float,
        crf: int,
        keyframes: int | None,
        notes: Mapping[str, str] | None,
    ) -> FileEncoder | PngEncoder:
        import av

        if is_png_sequence(self.path):
            return PngEncoder(self._output.enter_context(atomic_folder(self.path.parent)), self.path.name)
        height, width, channels = self._shape
        form, codec = choose_format(self.path, alpha=channels == 4)
        temporary = self._output.enter_context(atomic_output(self.path))
        try:
            return FileEncoder(
                temporary, form, codec, fps, (width, height), crf, audio_from, audio_start, keyframes, notes
            )
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(
                f"{self.path} cannot be encoded at {width}x{height} pixels ({error}): choose another size or extension"
            ) from error

    def _complete(self) -> None:
        """Wait until every frame is written."""
        if self.frame_count == 0:
            raise MediaError(f"{self.path} was not written: there was no frame to write")
        self._frames.end()
        self._encoding.result()

    def _encode(self) -> None:
        try:
            for frame in self._frames.items():
                self._encoder.write(frame)
            if not self._frames.closed.is_set():
                self._encoder.finish()
        finally:
            self._frames.close()  # whoever waits for room learns of a failure
            with suppress(OSError, ValueError):
                self._encoder.close()
