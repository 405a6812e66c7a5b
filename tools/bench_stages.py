"""CPU seconds of each stage of a clip, on one thread: what docs/scaling.md reckons with.

python tools/bench_stages.py [--frames 250] [--size 512] [--runs 3] [--json stages.json]

CPU time of the process is counted and not the time that passes, so that other programs on the machine disturb little.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GAGAVATAR_THREADS", "1")

from gagavatar_nodes import assets, pipeline
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter
from gagavatar_nodes.output import Look, compose_frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=250)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stages = measure(Path(folder), options.frames, options.size, options.runs)
    for name, seconds in stages.items():
        print(f"{name:28}{statistics.median(seconds):9.3f} s{min(seconds):9.3f}{max(seconds):9.3f}")
    if options.json is not None:
        options.json.write_text(json.dumps(stages, indent=1), encoding="utf-8")


def measure(folder: Path, frames: int, size: int, runs: int) -> dict[str, list[float]]:
    """Return the CPU seconds of every stage in each of `runs`, for a clip of so many frames of this size."""
    import cv2

    cv2.setNumThreads(1)
    driver = folder / "driver.mp4"
    with VideoReader(assets.path("example_driver.mp4")) as video:
        pictures = [cv2.resize(picture, (512, 512)) for picture in video]
    with VideoWriter(driver, 25, (512, 512)) as writer:
        for i in range(frames):
            writer.write(pictures[i % len(pictures)])
    taken: dict[str, list[float]] = {}
    portrait = _timed(taken, "first portrait", lambda: pipeline.read_portrait(assets.path("example_portrait.jpg")))
    _timed(taken, "first lift", lambda: pipeline.lift(portrait, "embedded"))
    for _ in range(runs):
        _measure_once(taken, driver, size)
    taken["bytes of the clip / 1e6"] = [(folder / "out.mp4").stat().st_size / 1e6]
    return taken


def _measure_once(taken: dict[str, list[float]], driver: Path, size: int) -> None:
    portrait = _timed(taken, "portrait", lambda: pipeline.read_portrait(assets.path("example_portrait.jpg")))
    avatar = _timed(taken, "lift", lambda: pipeline.lift(portrait, "embedded"))
    _timed(taken, "decode", lambda: sum(1 for _ in VideoReader(driver)))
    motion = _timed(taken, "decode and track", lambda: pipeline.track(driver))
    performance, look = avatar.perform(motion), Look(size, size)
    drawn = _timed(taken, "render", lambda: list(compose_frames(performance, look)))
    _timed(taken, "encode", lambda: _encode(driver.with_name("out.mp4"), drawn))


def _encode(path: Path, frames: list) -> None:
    with VideoWriter(path, 25, frames[0].shape[1::-1]) as video:
        for frame in frames:
            video.write(frame)


def _timed(taken: dict[str, list[float]], name: str, work: Callable):
    start = time.process_time()
    result = work()
    taken.setdefault(name, []).append(time.process_time() - start)
    return result


if __name__ == "__main__":
    main()
