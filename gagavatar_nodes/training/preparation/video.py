"""One video: its shots, the persons in them, a clip of each."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...media.video_reader import VideoReader
from ...tracking.cuts import CutDetector
from ...tracking.face_mesh import Landmarks
from ...tracking.people import PeopleTracker
from .clip import ClipMaker, ClipReport
from .codes import TrackerFactory
from .head_window import SCALE
from .settings import PrepareSettings

_FACE_OF_HEAD = 1.3
"""A head's box over its face's, roughly: faces that are too small for a crop are not followed."""


def prepare_video(
    path: str | os.PathLike[str],
    folder: Path,
    prefix: str,
    settings: PrepareSettings,
    progress: Callable[[int, int | None], None] | None = None,
) -> dict[str, Any]:
    """Make the clips of a video in `folder`, named `<prefix>-s<shot>-p<person>`, and report on them.

    The video is streamed once; its clips' frames are written as they come.

    Raises:
        MediaError: the video cannot be read, or a clip not be written.
        WeightsError, FileFormatError, GagavatarError: as for the tracker, see `TrackerFactory`.
    """
    trackers = TrackerFactory(settings)
    reports: list[ClipReport] = []
    with VideoReader(path) as video:
        clips = _Clips(folder, prefix, video.fps, Path(path).name, trackers, settings, reports)
        cuts, people = CutDetector(), PeopleTracker(video.fps, settings.smallest / SCALE / _FACE_OF_HEAD)
        count = 0
        try:
            for count, image in enumerate(video, 1):
                cut = cuts.feed(image)
                clips.add(count - 1, image, people.feed(image, cut), cut)
                if progress is not None:
                    progress(count, video.frame_count)
            clips.end(set())
        except BaseException:
            clips.abandon()
            raise
        return {
            "frames": count,
            "fps": video.fps,
            "tracker": trackers.name,
            "flame_edition": trackers.edition,
            "damage": video.damage,
            "clips": [report.to_dict() for report in reports],
        }


class _Clips:
    """The clips that are being made, one for each person who is in the picture."""

    def __init__(
        self,
        folder: Path,
        prefix: str,
        fps: float,
        source: str,
        trackers: TrackerFactory,
        settings: PrepareSettings,
        reports: list[ClipReport],
    ) -> None:
        self._folder, self._prefix, self._fps, self._source = folder, prefix, fps, source
        self._trackers, self._settings, self._reports = trackers, settings, reports
        self._open: dict[int, ClipMaker] = {}
        self._shot = self._persons = 0

    def add(self, index: int, image: Any, faces: dict[int, Landmarks | None], cut: bool) -> None:
        """Take the next frame with its faces by person."""
        if cut:
            self.end(set())
            self._shot, self._persons = self._shot + 1, 0
        self.end(faces.keys())
        for person, face in faces.items():
            if person in self._open and self._open[person].length >= self._settings.longest:
                self._finish(person)
            if person not in self._open and face is not None:
                self._open[person] = self._start(index)
            if person in self._open:
                others = [other for key, other in faces.items() if key != person and other is not None]
                self._open[person].add(image, face, others)

    def end(self, still_here: Any) -> None:
        """Finishes the clips of all persons but those who are still in the picture."""
        for person in [key for key in self._open if key not in still_here]:
            self._finish(person)

    def abandon(self) -> None:
        """Remove unfinished clips."""
        for clip in self._open.values():
            clip.abandon()

    def _start(self, index: int) -> ClipMaker:
        name = f"{self._prefix}-s{self._shot:03d}-p{self._persons}"
        self._persons += 1
        tracker = self._trackers.make()
        return ClipMaker(self._folder / name, self._fps, index, self._source, tracker, self._settings)

    def _finish(self, person: int) -> None:
        self._reports.append(self._open[person].finish())
        del self._open[person]
