"""Our own layout, as `gagavatar prepare` writes it: per clip a folder with a video of crops and a motion file."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...driving.motion_file import load_motion
from ...errors import FileFormatError
from ...types import FlameCodes
from .. import layout
from .frames import FrameCodes
from .random_access import VideoFrames


class ClipFrames:
    """Frames of a folder that `gagavatar prepare` wrote, see `DatasetFrames` and `training.layout`.

    Raises:
        FileFormatError: a file is missing, damaged or does not fit the others; the line names it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self.name = os.fspath(folder)
        self.splits = _read_splits(self._folder)
        clips = sorted({self.video_of(key) for keys in self.splits.values() for key in keys})
        self._codes = {clip: self._read_clip(clip) for clip in clips}
        self._check_frames()
        self.edition = self._one_edition()

    def video_of(self, key: str) -> str:
        """See `DatasetFrames`."""
        return layout.split_key(key)[0]

    def number_of(self, key: str) -> int:
        """See `DatasetFrames`."""
        return layout.split_key(key)[1]

    def picture(self, key: str) -> np.ndarray:
        """See `DatasetFrames`."""
        clip, number = layout.split_key(key)
        path = self._folder / clip / layout.CROPS
        video, frames = _video(path), len(self._codes[clip][1])
        if len(video) != frames:
            raise FileFormatError(
                f"{path} has {len(video)} frames, but its motion file {frames}: delete the clip's folder and run "
                "'gagavatar prepare' again"
            )
        return video.frame(number)

    def codes(self, key: str) -> FrameCodes:
        """See `DatasetFrames`."""
        clip, i = layout.split_key(key)
        codes, boxes = self._codes[clip]
        return FrameCodes(
            shape=codes.shape if codes.shape.ndim == 1 else codes.shape[i],
            expression=codes.expression[i],
            jaw=codes.jaw[i],
            eyes=codes.eyes[i],
            transform=codes.transform[i],
            box=boxes[i],
        )

    def _read_clip(self, clip: str) -> tuple[FlameCodes, np.ndarray]:
        path = self._folder / clip / layout.MOTION
        codes = load_motion(path).flame
        if codes is None:
            raise FileFormatError(f"{path} has no FLAME codes: prepare the video again with 'gagavatar prepare'")
        return codes, layout.read_boxes(path)

    def _check_frames(self) -> None:
        for split, keys in self.splits.items():
            for key in keys:
                clip, number = layout.split_key(key)
                frames = len(self._codes[clip][1])
                if number >= frames:
                    raise FileFormatError(
                        f"{self._folder / layout.DATASET} lists frame {key} under {split}, but {clip} has {frames} "
                        "frames: run 'gagavatar prepare' again"
                    )

    def _one_edition(self) -> str:
        editions = {codes.edition: clip for clip, (codes, _) in self._codes.items()}
        if len(editions) > 1:
            told = ", ".join(f"{edition} ({clip})" for edition, clip in sorted(editions.items()))
            raise FileFormatError(
                f"{self.name} mixes codes of several FLAME editions, {told}: prepare all videos with one FLAME file"
            )
        return next(iter(editions))


def _read_splits(folder: Path) -> dict[str, list[str]]:
    lists = layout.read_json(folder / layout.DATASET)
    keys = [lists.get(split, []) for split in layout.SPLITS] if isinstance(lists, dict) else []
    sound = all(isinstance(some, list) and all(_is_key(key) for key in some) for some in keys)
    if not sound or not any(keys):
        raise FileFormatError(f"{folder / layout.DATASET} lists no frames: run 'gagavatar prepare' again")
    return dict(zip(layout.SPLITS, keys, strict=True))


def _is_key(key: object) -> bool:
    clip, _, number = str(key).rpartition("_")
    return isinstance(key, str) and bool(clip) and number.isdecimal()


@lru_cache(maxsize=64)
def _video(path: Path) -> VideoFrames:
    """Open videos of this process."""
    return VideoFrames(path)
