"""How many frames a second the readers of training data give.

    python tools/bench_training_data.py [--workers 2] [--frames 200]

Makes a data set of crops of a portrait in each layout, reads pairs at the full and at the tiny sizes by a loader's
workers, and prints frames (two a pair) a second: the median of three rounds.
"""

from __future__ import annotations

import argparse
import io
import json
import pickle
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gagavatar_nodes import assets
from gagavatar_nodes.driving.motion_file import save_motion
from gagavatar_nodes.face.embedded_flame import embedded_flame
from gagavatar_nodes.heads.flame import PUBLISHED_EDITION, Flame
from gagavatar_nodes.lifting.gagavatar.config import PRESETS
from gagavatar_nodes.media.video_writer import VideoWriter
from gagavatar_nodes.tracking.emica.results import flame_motion
from gagavatar_nodes.training import layout
from gagavatar_nodes.training.batch import collate
from gagavatar_nodes.training.data import open_dataset
from gagavatar_nodes.types import Camera, FlameCodes

SIZE, BATCH, ROUNDS = 512, 8, 3


def crops(frames: int) -> list[np.ndarray]:
    """Return the example portrait, moved from frame to frame."""
    with Image.open(assets.path("example_portrait.jpg")) as picture:
        image = np.array(picture.convert("RGB").resize((SIZE, SIZE)))
    return [np.roll(image, (frame % 23, frame % 31), (0, 1)) for frame in range(frames)]


def write_published(folder: Path, pictures: list[np.ndarray]) -> None:
    import lmdb

    keys = [f"000000_{frame}" for frame in range(len(pictures))]
    record = {
        "bbox": np.float32([0.2, 0.2, 0.8, 0.8]), "shapecode": np.zeros(300, np.float32),
        "expcode": np.zeros(100, np.float32), "posecode": np.zeros(6, np.float32),
        "eyecode": np.zeros(6, np.float32), "transform_matrix": Camera.frontal(9.3).transform,
    }  # fmt: skip
    folder.mkdir()
    (folder / "optim.pkl").write_bytes(pickle.dumps(dict.fromkeys(keys, record)))
    (folder / "dataset.json").write_text(json.dumps({"train": keys}))
    with lmdb.open(str(folder / "img_lmdb"), map_size=1 << 30) as environment, environment.begin(write=True) as writer:
        for key, picture in zip(keys, pictures, strict=True):
            stream = io.BytesIO()
            Image.fromarray(picture).save(stream, "JPEG", quality=95)
            writer.put(key.encode(), stream.getvalue())


def write_clip(folder: Path, pictures: list[np.ndarray]) -> None:
    count = len(pictures)
    (folder / "clip").mkdir(parents=True)
    with VideoWriter(folder / "clip" / layout.CROPS, 25, (SIZE, SIZE)) as writer:
        for picture in pictures:
            writer.write(picture)
    zeros = {"expression": 100, "jaw": 3, "eyes": 6}
    codes = FlameCodes(
        PUBLISHED_EDITION, np.zeros(300, np.float32),
        **{name: np.zeros((count, width), np.float32) for name, width in zeros.items()},
        transform=np.repeat(Camera.frontal(9.3).transform[None], count, 0),
    )  # fmt: skip
    beside = {
        "boxes": np.tile(np.float32([0.2, 0.2, 0.8, 0.8]), (count, 1)),
        "frames": np.arange(count, dtype=np.int32),
    }
    save_motion(flame_motion(codes, 25), folder / "clip" / layout.MOTION, beside)
    (folder / layout.DATASET).write_text(json.dumps({"train": [layout.key_of("clip", n) for n in range(count)]}))


def measure(folder: Path, preset: str, flame: Flame, workers: int) -> list[float]:
    """Frames a second of each round; a first one starts the workers and is not counted."""
    pairs = open_dataset(folder, "train", flame, PRESETS[preset])
    loader = torch.utils.data.DataLoader(
        pairs, BATCH, shuffle=True, num_workers=workers, collate_fn=collate, persistent_workers=workers > 0
    )
    rates = []
    for _ in range(ROUNDS + 1):
        begin = time.perf_counter()
        frames = sum(2 * len(batch) for batch in loader)
        rates.append(frames / (time.perf_counter() - begin))
    return rates[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--frames", type=int, default=200)
    given = parser.parse_args()
    torch.set_num_threads(1)
    flame = Flame({**embedded_flame(), "edition": PUBLISHED_EDITION})
    with tempfile.TemporaryDirectory() as temporary:
        folder, pictures = Path(temporary), crops(given.frames)
        write_published(folder / "published", pictures)
        write_clip(folder / "clips", pictures)
        for name in ("published", "clips"):
            for preset in ("full", "tiny"):
                rates = measure(folder / name, preset, flame, given.workers)
                print(f"{name:10} {preset:5} {statistics.median(rates):6.0f} frames a second ({given.workers} workers)")


if __name__ == "__main__":
    main()
