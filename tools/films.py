"""Films of the synthetic head and the bundled portrait, cut as people cut them: lists of frames [S, S, 3] uint8."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np

SIZE, FPS = 448, 24
_DRIVER = Path(__file__).resolve().parents[1] / "tests" / "data" / "synthetic_driver.mp4"
_GRAY = 128
_SECOND = 24


@cache
def driver() -> list[np.ndarray]:
    """72 frames of the synthetic head, who looks left and right and talks."""
    from gagavatar_nodes.media.video_reader import VideoReader

    with VideoReader(_DRIVER) as video:
        return list(video)


@cache
def other(count: int = 72) -> list[np.ndarray]:
    """Another person: the bundled portrait, who sways."""
    return swaying("example_portrait.jpg", count)


@cache
def swaying(name: str, count: int = 72) -> list[np.ndarray]:
    """Return frames of a bundled portrait that sways."""
    from gagavatar_nodes import assets
    from gagavatar_nodes.media.images import read_image

    picture = cv2.resize(read_image(assets.path(name)).rgb, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return [placed(picture, 1.05, 4 * np.sin(i / 5), 3 * np.sin(i / 7), picture) for i in range(count)]


@cache
def landscape(count: int = _SECOND) -> list[np.ndarray]:
    """Sky, land and a lake, and nobody."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    sky = np.stack([90 + 120 * y, 140 + 80 * y, 230 - 10 * y], -1)
    hills = y > 0.55 + 0.08 * np.sin(7 * x) + 0.03 * np.sin(23 * x + 1)
    land = np.where(hills[..., None], np.stack([60 + 40 * y, 110 - 30 * y, 40 + 10 * x], -1), sky)
    lake = ((x - 0.6) / 0.3) ** 2 + ((y - 0.85) / 0.08) ** 2 < 1
    land[lake] = (80, 130, 190)
    return [np.roll(land, i, axis=1).astype(np.uint8) for i in range(count)]


def black(count: int = _SECOND) -> list[np.ndarray]:
    """Nothing."""
    return [np.zeros((SIZE, SIZE, 3), np.uint8)] * count


def placed(
    image: np.ndarray, scale: float, right: float = 0.0, down: float = 0.0, on: np.ndarray | None = None
) -> np.ndarray:
    """Return a frame seen `scale` times larger about its middle and moved by pixels, over gray or another picture."""
    canvas = np.full_like(image, _GRAY) if on is None else on.copy()
    middle = (SIZE - 1) / 2
    matrix = np.array([[scale, 0, middle * (1 - scale) + right], [0, scale, middle * (1 - scale) + down]])
    if scale < 1:
        image = cv2.GaussianBlur(image, (0, 0), 0.4 / scale)
    return cv2.warpAffine(
        image, matrix, (SIZE, SIZE), canvas, borderMode=cv2.BORDER_TRANSPARENT, flags=cv2.INTER_LINEAR
    )


def jump_cut(scale: float = 0.45) -> list[np.ndarray]:
    """One person, close and then as a picture that is smaller and elsewhere."""
    frames = driver()
    return frames[:36] + [placed(frame, scale, 70, -40) for frame in frames[36:]]


def jump_zooms(scale: float = 1.35) -> list[np.ndarray]:
    """One person without a pause, now and then from nearer."""
    return [placed(frame, scale, 0, 20) if i // 18 % 2 else frame for i, frame in enumerate(driver())]


def cut_away(to: list[np.ndarray]) -> list[np.ndarray]:
    """A person, a second of something else, and the person again, nearer."""
    frames = driver()
    return frames[:30] + to[:_SECOND] + [placed(frame, 1.2, 10, 10) for frame in frames[30:60]]


def dissolve(to: list[np.ndarray], length: int = 12) -> list[np.ndarray]:
    """Fade from the driver to other frames."""
    frames = driver()
    before, after = frames[:36], to[36 - length :]
    mix = [
        cv2.addWeighted(before[36 - length + i], 1 - share, after[i], share, 0)
        for i, share in enumerate((np.arange(length) + 1) / (length + 1))
    ]
    return before[: 36 - length] + mix + after[length:]


def side_by_side(changed: bool = False) -> list[np.ndarray]:
    """Two people; `changed`: at a cut in the middle they change sides."""
    pairs = [_two(a, b) for a, b in zip(driver(), other(), strict=True)]
    return pairs[:36] + [_two(b, a) for a, b in zip(driver()[36:], other()[36:], strict=True)] if changed else pairs


def crossing() -> list[np.ndarray]:
    """Two people who pass each other: the driver from left to right before the other."""
    frames = []
    for i, (a, b) in enumerate(zip(driver(), other(), strict=True)):
        way = 110 * np.cos(np.pi * np.clip((i - 18) / 36, 0, 1))
        frames.append(_passing(a, b, way))
    return frames


def _two(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    half = SIZE // 2
    canvas = np.full((SIZE, SIZE, 3), _GRAY, np.uint8)
    for place, image in enumerate((left, right)):
        small = cv2.resize(image, (half, half), interpolation=cv2.INTER_AREA)
        canvas[half // 2 : half // 2 + half, place * half : (place + 1) * half] = small
    return canvas


def _passing(front: np.ndarray, behind: np.ndarray, way: float) -> np.ndarray:
    half = SIZE // 2
    canvas = np.full((SIZE, SIZE, 3), _GRAY, np.uint8)
    for image, shift in ((behind, way), (front, -way)):
        small = cv2.resize(image, (half, half), interpolation=cv2.INTER_AREA)
        left = round(half / 2 + shift)
        canvas[half // 2 : half // 2 + half, left : left + half] = small
    return canvas
