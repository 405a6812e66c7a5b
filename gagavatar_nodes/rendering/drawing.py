"""Draw a sequence of Gaussians: two frames at a time, while the next ones are posed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, cycle

import numpy as np

from ..background import Prefetch
from ..types import Camera, Gaussians
from .backends import choose_backend
from .native import default_threads
from .rasterize import rasterize

Drawing = tuple[np.ndarray, np.ndarray]
_AHEAD = 2
_TOGETHER = 2
"""Frames drawn at a time: threads that share a frame wait for each other, the more so where others want the cores."""
_LARGE = 1 << 20
"""Pixels of a frame beyond which there is work for all threads, and memory is dear."""


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
    with Prefetch(posed, _AHEAD) as ahead:
        frames = ((gaussians, square_camera(camera, width, height)) for gaussians, camera in ahead)
        first = next(frames, None)
        if first is None:
            return
        small = width * height <= _LARGE and default_threads() >= _TOGETHER
        together = small and choose_backend(first[0]) == "native"
        shape = height, width, first[0].features.shape[1]
        count = _TOGETHER + 1 if together else 1  # one more for whoever uses the last one
        outs = [(np.empty(shape, np.float32), np.empty(shape[:2], np.float32)) for _ in range(count)]
        draw = _draw_together if together else _draw
        yield from draw(chain([first], frames), width, height, outs)


def _draw(
    frames: Iterable[tuple[Gaussians, Camera]], width: int, height: int, outs: list[Drawing]
) -> Iterator[Drawing]:
    for gaussians, camera in frames:
        yield rasterize(gaussians, camera, width, height, out=outs[0])


def _draw_together(
    frames: Iterable[tuple[Gaussians, Camera]], width: int, height: int, outs: list[Drawing]
) -> Iterator[Drawing]:
    threads = default_threads() // _TOGETHER
    drawn: deque[Future[Drawing]] = deque()
    with ThreadPoolExecutor(_TOGETHER) as pool:
        for (gaussians, camera), out in zip(frames, cycle(outs), strict=False):
            drawn.append(pool.submit(rasterize, gaussians, camera, width, height, out=out, threads=threads))
            if len(drawn) == len(outs):
                yield drawn.popleft().result()
        while drawn:
            yield drawn.popleft().result()
