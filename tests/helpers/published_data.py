"""A tiny data set in the published layout, drawn from seeds; dataset0.npz has what the published loaders make of it."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
from PIL import Image

from training_recipe import target_picture

FRAMES = {"000012": (0, 3, 7, 10), "img_000305": (2, 5, 11, 30)}
KEYS = [f"{video}_{number}" for video, numbers in FRAMES.items() for number in numbers]


def write_data_set(folder: Path, seed: int = 0) -> None:
    """Two videos of four frames; the first one's pictures are JPEGs, the second one's PNGs."""
    import lmdb

    folder.mkdir(parents=True, exist_ok=True)
    records = {key: record(np.random.default_rng([seed, n, 3])) for n, key in enumerate(KEYS)}
    (folder / "optim.pkl").write_bytes(pickle.dumps(records, protocol=4))
    shuffled = [KEYS[n] for n in np.random.default_rng([seed, 5]).permutation(len(KEYS))]
    splits = {"train": shuffled, "val": shuffled[::-1], "test": shuffled[3:] + shuffled[:3]}
    (folder / "dataset.json").write_text(json.dumps(splits))
    with lmdb.open(str(folder / "img_lmdb"), map_size=1 << 26) as environment, environment.begin(write=True) as writer:
        for n, key in enumerate(KEYS):
            writer.put(key.encode(), encoded(seed, n, lossless=n >= 4))


def record(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Tracking of one frame; the order of the draws matters."""
    corner, size = generator.uniform(0.08, 0.3, 2), generator.uniform(0.45, 0.62, 2)
    R = _turned(generator)
    t = np.array([generator.uniform(-0.1, 0.1), generator.uniform(-0.1, 0.1), generator.uniform(8.8, 9.8)])
    values = {
        "bbox": np.concatenate([corner, corner + size]),
        "shapecode": generator.standard_normal(300) * 0.6,
        "expcode": generator.standard_normal(100) * 0.5,
        "posecode": np.concatenate([np.zeros(3), generator.standard_normal(3) * 0.15]),
        "eyecode": generator.standard_normal(6) * 0.1,
        "transform_matrix": np.concatenate([R, t[:, None]], 1),
    }
    return {name: value.astype(np.float32) for name, value in values.items()}


def encoded(seed: int, number: int, lossless: bool) -> bytes:
    """The picture of a frame."""
    picture = target_picture(np.random.default_rng([seed, number, 2]))
    stream = io.BytesIO()
    pixels = np.round(picture * 255).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(pixels).save(stream, **({"format": "PNG"} if lossless else {"format": "JPEG", "quality": 95}))
    return stream.getvalue()


def _turned(generator: np.random.Generator) -> np.ndarray:
    R = np.diag([-1.0, 1.0, -1.0])
    for axis in range(3):
        angle = generator.uniform(-0.35, 0.35)
        turn = np.eye(3)
        i, j = (a for a in range(3) if a != axis)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        R = turn @ R
    return R
