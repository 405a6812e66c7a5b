"""Draw a sequence of Gaussians, posing the next frames while one is rasterized."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..background import Prefetch
from ..types import Camera, Gaussians
from .rasterize import rasterize

_AHEAD = 2


def square_camera(camera: Camera, width: int, height: int) -> Camera:
    """Return the camera for an image of another shape.

    What a square image shows fills the shorter edge, in the middle.
    """
    return Camera(camera.transform, camera.focal * min(width, height) / width)


def draw_frames(
    posed: Iterator[tuple[Gaussians, Camera]], width: int, height: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Premultiplied features [height, width, C] and alpha [height, width] of each frame.

    The arrays are written over when the iterator goes on: use them before.
    """
    out = None
    with Prefetch(posed, _AHEAD) as ahead:
        for gaussians, camera in ahead:
            if out is None:
                shape = (height, width, gaussians.features.shape[1])
                out = np.empty(shape, np.float32), np.empty(shape[:2], np.float32)
            yield rasterize(gaussians, square_camera(camera, width, height), width, height, out=out)
