"""face_looks.npz: what the landmark network usually sees of a face's surface, and by how much that varies with light,
color, size and movement. Measured on the bundled portrait and the synthetic head.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

_VARIATIONS = 96
_EVERY = 6
_DRIVER = Path(__file__).resolve().parents[2] / "tests" / "data" / "synthetic_driver.mp4"


def build(_: Path, out: Path) -> None:
    """Write `out/face_looks.npz`."""
    from gagavatar_nodes import assets
    from gagavatar_nodes.media.images import read_image
    from gagavatar_nodes.media.video_reader import VideoReader

    with VideoReader(_DRIVER) as video:
        frames = list(video)[::_EVERY]
    people = [[read_image(assets.path("example_portrait.jpg")).rgb], frames]
    surfaces = np.stack([_surfaces(images) for images in people]).astype(np.float64)
    center = surfaces.mean((0, 1))
    spread = surfaces.std(1).mean(0)
    np.savez(out / "face_looks.npz", center=center.astype(np.float32), spread=spread.astype(np.float32))


def _surfaces(images: list[np.ndarray]) -> np.ndarray:
    """[_VARIATIONS, 128] of one person."""
    from gagavatar_nodes.tracking.faces import find_faces

    random = np.random.default_rng(0)
    found: list[np.ndarray] = []
    for image in _endless(images):
        if faces := find_faces(vary(image, random)):
            found.append(faces[0].surface)
        if len(found) == _VARIATIONS:
            return np.stack(found)
    raise AssertionError


def _endless(images: list[np.ndarray]) -> Iterator[np.ndarray]:
    while True:
        yield from images


def vary(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """[H, W, 3] uint8 as another camera, lamp and editor might have it."""
    import cv2

    tint = random.uniform(0.93, 1.07, 3)
    values = 255 * np.clip(image / 255 * tint, 0, 1) ** (1 / random.uniform(0.75, 1.3))
    height, width = image.shape[:2]
    scale = float(random.choice([0.35, 0.6, 1.0]))
    small = cv2.resize(values, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((height, width, 3), random.integers(0, 255, 3), np.float64)
    top, left = random.integers(0, height - small.shape[0] + 1), random.integers(0, width - small.shape[1] + 1)
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    if random.random() < 0.5:
        canvas = canvas[:, ::-1]
    return np.ascontiguousarray(np.clip(canvas, 0, 255).astype(np.uint8))
