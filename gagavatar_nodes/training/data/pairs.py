"""Which frame is the source of which target, as published."""

from __future__ import annotations

import random
from typing import Literal

from ...errors import GagavatarError
from ..layout import SPLITS
from .frames import DatasetFrames

Cross = Literal["no", "published", "reenactment"]
"""Pairs of two persons. The published loader poses the target's own shape ("published"), although reenactment is meant
to keep the source's ("reenactment")."""
CROSS = ("no", "published", "reenactment")


class Pairing:
    """The targets of a split and the sources that belong to them.

    For training every frame is a target, and its source is drawn from the other frames of its video. Otherwise the
    source is the video's first frame, which is no target. Across persons the source's video is the one whose name
    follows in the alphabet; the last is followed by the first.

    Raises:
        GagavatarError: an unknown split, or one without a pair; the line names what is short of frames.
    """

    def __init__(self, frames: DatasetFrames, split: str, cross: Cross = "no") -> None:
        if split not in SPLITS or cross not in CROSS:
            known, got = (SPLITS, split) if split not in SPLITS else (CROSS, cross)
            raise GagavatarError(f"data: {got!r} is none of {', '.join(known)}")
        self._frames = frames
        self._draws = split == "train"
        self._videos: dict[str, list[str]] = {}
        for key in frames.splits[split]:
            self._videos.setdefault(frames.video_of(key), []).append(key)
        for keys in self._videos.values():
            keys.sort(key=frames.number_of)
        names = sorted(self._videos)
        shift = 0 if cross == "no" else 1
        self._source_video = {name: names[(i + shift) % len(names)] for i, name in enumerate(names)}
        first = set() if self._draws else {keys[0] for keys in self._videos.values()}
        self.targets = [key for key in frames.splits[split] if key not in first]
        self._check(split, cross)

    def __len__(self) -> int:
        return len(self.targets)

    def source(self, index: int, draw: random.Random) -> str:
        """Key of the source of target `index`; for training drawn by `draw`."""
        target = self.targets[index]
        keys = self._videos[self._source_video[self._frames.video_of(target)]]
        if not self._draws:
            return keys[0]
        return draw.sample([key for key in keys if key != target], 1)[0]

    def _check(self, split: str, cross: str) -> None:
        where = f"{self._frames.name}: the split {split!r}"
        if not self.targets:
            raise GagavatarError(f"{where} has no pair of frames: prepare more videos, or longer ones")
        if cross != "no" and len(self._videos) < 2:
            raise GagavatarError(f"{where} has one video, and pairs of two persons need two: prepare more videos")
        lone = [name for name, keys in self._videos.items() if len(keys) == 1]
        if self._draws and cross == "no" and lone:
            raise GagavatarError(
                f"{where} has a single frame of video {lone[0]} and so no source for it: take its frame out of the "
                f"list ({len(lone)} such videos)"
            )
