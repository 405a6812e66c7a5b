"""The bundled pictures, read once."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from gagavatar_nodes import assets
from synthetic import DRIVER, TRUTH


@pytest.fixture(scope="session")
def example_portrait() -> np.ndarray:
    """[720, 720, 3] uint8 RGB: one woman, head and shoulders."""
    return np.ascontiguousarray(cv2.imread(str(assets.path("example_portrait.jpg")))[..., ::-1])


@pytest.fixture(scope="session")
def driver_frames() -> list[np.ndarray]:
    """72 frames of the synthetic head."""
    with av.open(str(DRIVER)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="session")
def driver_truth() -> np.ndarray:
    """[72, 4] yaw and pitch in radians, jawOpen, blink."""
    return np.load(TRUTH)


@pytest.fixture(scope="session")
def empty_room() -> np.ndarray:
    """[1000, 1500, 3] uint8 RGB without a face: a sky, a floor and some furniture."""
    room = np.empty((1000, 1500, 3), np.uint8)
    room[:600] = np.linspace(120, 220, 600)[:, None, None].astype(np.uint8)
    room[600:] = (110, 90, 70)
    cv2.rectangle(room, (200, 400), (500, 800), (60, 40, 30), -1)
    cv2.circle(room, (1100, 300), 90, (200, 180, 90), -1)
    noise = np.random.default_rng(0).normal(0, 6, room.shape)
    return np.clip(room + cv2.GaussianBlur(noise, (0, 0), 1.0), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def paste_face(example_portrait, empty_room):
    """Function (height, left, top) -> the room with the portrait's head in it, `height` pixels from hair to chin."""

    def paste(*faces: tuple[int, int, int]) -> np.ndarray:
        picture = empty_room.copy()
        head = example_portrait[20:400, 220:530]
        for height, left, top in faces:
            scale = height / head.shape[0]
            small = cv2.resize(head, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            picture[top : top + small.shape[0], left : left + small.shape[1]] = small
        return picture

    return paste
