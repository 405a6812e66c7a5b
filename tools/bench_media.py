"""Times reading, writing, compositing and stitching at 512x512: `python tools/bench_media.py`. Milliseconds a frame."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gagavatar_nodes import assets
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter
from gagavatar_nodes.rendering.compositing import composite
from gagavatar_nodes.rendering.stitching import Stitcher
from gagavatar_nodes.types import HeadPose, Portrait

SIZE = 512


def report(name: str, work: Callable[[], object], frames: int = 1, repeats: int = 9) -> None:
    """Print the median wall time and the processor time of `work`, a frame."""
    work()
    walls, processors = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    scale = 1000 / frames
    print(f"{name:34s} {np.median(walls) * scale:7.2f} wall {np.median(processors) * scale:7.2f} processor")


def driver() -> list[np.ndarray]:
    """Return the bundled driver's frames at 512x512."""
    import cv2

    with VideoReader(assets.path("example_driver.mp4")) as video:
        return [cv2.resize(frame, (SIZE, SIZE)) for frame in video]


def write(path: Path, frames: list[np.ndarray], alpha: bool = False) -> None:
    """Encode the frames."""
    with VideoWriter(path, 25, (SIZE, SIZE), alpha=alpha) as video:
        for frame in frames:
            video.write(frame)


def read(path: Path) -> int:
    """Decode the frames."""
    with VideoReader(path) as video:
        return sum(1 for _ in video)


def bench_video(folder: Path) -> None:
    """Encoders and decoders."""
    frames = driver()
    count = len(frames)
    rgba = [np.dstack([frame, frame[..., :1]]) for frame in frames]
    for name in ("a.mp4", "a.webm", "a.gif"):
        report(f"write {name[2:]}", lambda name=name: write(folder / name, frames), count, 3)
    for name in ("b.webm", "b.mov", "c/%05d.png"):
        report(f"write {name[2:]} with alpha", lambda name=name: write(folder / name, rgba, True), count, 1)
    report("read mp4", lambda: read(folder / "a.mp4"), count, 5)


def bench_pictures() -> None:
    """Compositing and stitching."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE]
    alpha = np.clip((180 - np.hypot(x - 256, y - 280)) / 8, 0, 1).astype(np.float32)
    rgb = alpha[..., None] * rng.random((SIZE, SIZE, 3), dtype=np.float32)
    picture = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    for name, background in (("black", (0, 0, 0)), ("color", (9, 99, 199)), ("picture", picture), ("alpha", None)):
        report(f"composite {name}", lambda background=background: composite(rgb, alpha, background), 1, 50)
    landmarks = np.zeros((478, 3), np.float32)
    portrait = Portrait(
        picture=rng.integers(0, 256, (1024, 1024, 3), dtype=np.uint8),
        crop=picture,
        alpha=alpha,
        crop_to_picture=np.array([[1.9, 0, 20.0], [0, 1.9, 20.0]]),
        landmarks=landmarks,
        pose=HeadPose(1.0, np.eye(3), np.zeros(3)),
        canonical=landmarks,
    )
    stitcher = Stitcher(portrait)
    report("stitch into 1024x1024", lambda: stitcher.stitch(rgb, alpha), 1, 50)


def main() -> None:
    """Run all, or one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=["all", "video", "pictures"], default="all")
    part = parser.parse_args().part
    if part in ("all", "pictures"):
        bench_pictures()
    if part in ("all", "video"):
        with tempfile.TemporaryDirectory() as folder:
            bench_video(Path(folder))


if __name__ == "__main__":
    main()
