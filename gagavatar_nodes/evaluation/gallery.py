"""Small pictures of all frames on disk, of which the worst, a median and the best one stay."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..media.images import write_image
from ..tracking.opencv import opencv
from .registry import VARIANTS

HEIGHT = 256
_QUALITY = 85


class Gallery:
    """Pictures of one pair's frames, truth and results side by side."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made anew."""
        self._folder, self._all = folder, folder / "frames"

    def __enter__(self) -> Gallery:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._all.mkdir(parents=True)
        return self

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self._all, ignore_errors=True)

    def add(self, index: int, pictures: Sequence[np.ndarray]) -> None:
        """Take the next frame's pictures [H, W, 3] uint8, all of one size."""
        cv2 = opencv()
        small = [
            cv2.resize(one, (round(HEIGHT * one.shape[1] / one.shape[0]), HEIGHT), interpolation=cv2.INTER_AREA)
            for one in pictures
        ]
        write_image(self._all / f"{index:06d}.jpg", np.hstack(small), _QUALITY)

    def choose(self, variant: str, values: list[float | None], indices: Sequence[int]) -> dict[str, Any]:
        """Keep three frames by the values of a variant; return which, and what they have."""
        ranked = sorted((value, index) for value, index in zip(values, indices, strict=False) if value is not None)
        if not ranked:
            return {}
        if VARIANTS[variant].better != "higher":
            ranked.reverse()
        picked = {"worst": ranked[0], "median": ranked[len(ranked) // 2], "best": ranked[-1]}
        kept = {}
        for title, (value, index) in picked.items():
            name = f"{title}.jpg"
            shutil.copyfile(self._all / f"{index:06d}.jpg", self._folder / name)
            kept[title] = {"frame": index, "value": value, "file": name}
        return {"by": variant, **kept}
