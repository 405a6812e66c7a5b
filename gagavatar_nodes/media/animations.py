"""Pictures, still or animated, as the frames of a video."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..errors import MediaError
from . import budget
from .decoding import PILLOW_ERRORS, flatten
from .images import check_size, open_image
from .timing import constant_fps

_SHORTEST = 0.02  # seconds; browsers show frames that claim less for a tenth of a second
_SHOWN_INSTEAD = 0.1


class Animation:
    """An animated GIF, WebP or PNG: frame times read in a first pass, pictures decoded in a second."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open_image(path) as image:
                check_size(path, image, image.size)
                self.width, self.height = image.size
                self.times = [0.0]
                bounds = budget.current.get()
                for index in range(image.n_frames):
                    image.seek(index)
                    image.load()  # WebP knows a frame's duration only then
                    self.times.append(self.times[-1] + _duration(image.info))
                    if bounds is not None:
                        bounds.check_length(path, self.times[-1])
                        if index * self.width * self.height > bounds.total:
                            raise MediaError(f"{path.name} holds too many pixels: make it smaller, or shorter")
        except MediaError:
            raise
        except PILLOW_ERRORS as error:
            raise MediaError(f"{path} is damaged or truncated ({error}): save or download it again") from error
        self.duration = self.times.pop()
        self.fps = constant_fps(Fraction(len(self.times) / self.duration))

    def frames(self, max_edge: int) -> Iterator[tuple[float, np.ndarray]]:
        """Times in seconds and [H, W, 3] uint8 frames; transparency is dropped."""
        with open_image(self.path) as image:
            for index, time in enumerate(self.times):
                image.seek(index)
                yield time, flatten(image.copy(), max_edge)[0]


def _duration(info: dict[str, object]) -> float:
    seconds = float(info.get("duration") or 0) / 1000  # type: ignore[arg-type]
    return seconds if seconds >= _SHORTEST else _SHOWN_INSTEAD
