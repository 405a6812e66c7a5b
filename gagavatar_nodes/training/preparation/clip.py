"""One person in one shot: crops, and the motion that goes with them."""

from __future__ import annotations

import shutil
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...driving.motion_file import save_motion
from ...driving.timeline import take
from ...media.video_writer import VideoWriter
from ...tracking.crop import cut_square, square_to_picture
from ...tracking.face_mesh import Landmarks
from ...tracking.foreground import estimate_foreground
from ...tracking.matting import matte_person
from ..layout import CROPS, MOTION
from .codes import ClipTracker, LandmarkRecorder
from .head_window import HeadWindow, head_box
from .quality import NO_FACE, NO_HEAD, REPEATED, FrameJudge, matte_fault, same_picture
from .settings import CROP_SIZE, PrepareSettings

_CRF, _KEYFRAMES = 12, 8
"""Nearly without loss, and quick to read at any frame."""


@dataclass(frozen=True)
class ClipReport:
    """What became of a clip."""

    first_frame: int
    frames: int
    kept: int
    dropped: dict[str, list[int]] = field(default_factory=dict)
    """Reason -> numbers of the video's frames."""
    name: str | None = None
    """None where the whole clip was dropped."""
    why: str | None = None
    """Why it was."""

    def to_dict(self) -> dict[str, Any]:
        """For reports: frame numbers as ranges."""
        dropped = {reason: ranges(numbers) for reason, numbers in self.dropped.items()}
        whole = {"name": self.name} if self.why is None else {"why": self.why}
        return {**whole, "first_frame": self.first_frame, "frames": self.frames, "kept": self.kept, "dropped": dropped}


class ClipMaker:
    """Takes the frames of one person in one shot and makes a clip's folder of them.

    Of a frame only its motion stays in memory. End with `finish` or `abandon`.
    """

    def __init__(
        self, folder: Path, fps: float, first_frame: int, source: str, tracker: ClipTracker, settings: PrepareSettings
    ) -> None:
        """`folder` is made when the first good frame comes."""
        self._folder, self._fps, self._first, self._settings = folder, fps, first_frame, settings
        self._tracker, self._source = tracker, source
        self._window, self._judge = HeadWindow(), FrameJudge(settings.smallest)
        self._recorder = LandmarkRecorder(fps, settings.smoothing, source)
        self._dropped: dict[str, list[int]] = defaultdict(list)
        self._kept: list[int] = []
        self._boxes: list[np.ndarray] = []
        self._before: np.ndarray | None = None
        self._writer: VideoWriter | None = None
        self.length = 0

    def add(self, image: np.ndarray, face: Landmarks | None, others: list[Landmarks]) -> None:
        """Take the next frame [H, W, 3] uint8 with the person's face and those of others."""
        fault = self._take(image, face, others)
        if fault is not None:
            self._dropped[fault].append(self._first + self.length)
        self.length += 1

    def finish(self) -> ClipReport:
        """Write the motion beside the crops; where there are too few good frames, remove everything."""
        report = ClipReport(self._first, self.length, len(self._kept), dict(self._dropped))
        if self._writer is None or len(self._kept) < self._settings.fewest:
            self.abandon()
            return replace(report, why=f"only {len(self._kept)} good frames, {self._settings.fewest} are needed")
        writer, self._writer = self._writer, None
        writer.__exit__(None, None, None)
        motion, kept = self._recorder.finish(), np.array(self._kept)
        codes = self._tracker.codes(motion, kept)
        frames = (self._first + kept).astype(np.int32)
        beside = {"boxes": np.stack(self._boxes).astype(np.float32), "frames": frames}
        save_motion(replace(take(motion, kept), flame=codes), self._folder / MOTION, beside)
        return replace(report, name=self._folder.name)

    def abandon(self) -> None:
        """Remove what was written."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.__exit__(RuntimeError, RuntimeError("abandoned"), None)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _take(self, image: np.ndarray, face: Landmarks | None, others: list[Landmarks]) -> str | None:
        if face is None:
            self._recorder.add(None)
            return NO_FACE
        head = head_box(face.points)
        square = self._window.move(head)
        to_picture = square_to_picture(square, CROP_SIZE)
        seen = _in_crop(face, to_picture)
        self._recorder.add(seen)
        repeated, self._before = same_picture(image, self._before), image
        fault = REPEATED if repeated else self._judge.fault(image, face, head, square, others)
        if fault is not None:
            return fault
        crop = np.clip(cut_square(image, square, CROP_SIZE), 0, 255)
        inside = cut_square(np.ones(image.shape[:2], np.float32), square, CROP_SIZE, outside=0)
        alpha = inside * matte_person(crop, seen.points, self._settings.matting, inside > 0.99)
        fault = matte_fault(alpha, seen.points)
        if fault is not None:
            return fault
        matted = estimate_foreground(crop, alpha) * np.clip(alpha, 0, 1)[..., None]
        crop = np.clip(matted + 0.5, 0, 255).astype(np.uint8)
        if not self._tracker.look(crop):
            return NO_HEAD
        self._write(crop)
        self._kept.append(self.length)
        self._boxes.append(_unit_box(head, square))
        return None

    def _write(self, crop: np.ndarray) -> None:
        if self._writer is None:
            self._folder.mkdir(parents=True)
            size = (CROP_SIZE, CROP_SIZE)
            self._writer = VideoWriter(self._folder / CROPS, self._fps, size, crf=_CRF, keyframes=_KEYFRAMES)
        self._writer.write(crop)


def ranges(numbers: list[int]) -> str:
    """Increasing numbers in short: "3, 7-9"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def _in_crop(face: Landmarks, to_picture: np.ndarray) -> Landmarks:
    points = face.points.copy()
    points[:, :2] = (points[:, :2] - to_picture[:, 2]) / to_picture[0, 0]
    points[:, 2] /= to_picture[0, 0]
    return replace(face, points=points)


def _unit_box(box: np.ndarray, square: tuple[int, int, int]) -> np.ndarray:
    """[4] a box of the picture in shares of the crop, cut off at its borders."""
    left, top, edge = square
    return np.clip((box + 0.5 - [left, top, left, top]) / edge, 0, 1)
