"""The whole of `gagavatar animate` as a user runs it: wall time, frames a second, and peak memory by length."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gagavatar_nodes import assets
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter

SIZE, FPS = 512, 25


def run(seconds: tuple[float, ...]) -> dict[str, Any]:
    """`animate` on drivers of these lengths, the cache left out; each in a process of its own."""
    report: dict[str, Any] = {"driver": f"{SIZE}x{SIZE} at {FPS} frames a second"}
    with tempfile.TemporaryDirectory() as folder:
        for length in seconds:
            driver = Path(folder) / f"driver_{length:g}.mp4"
            _write_driver(driver, round(length * FPS))
            report[f"{length:g} s"] = _animate(driver, Path(folder) / "out.mp4", round(length * FPS))
            driver.unlink()
    report["steady_fps"] = _steady(report, seconds)
    report["targets"] = {"10 s wall_s": 15, "steady_fps": 25, "peak_mb": 1500}
    return report


def startup(runs: int = 7) -> dict[str, float]:
    """Median seconds of an import and of `--help`, the interpreter's own start included."""
    commands = {
        "interpreter_s": ["-c", "pass"],
        "import_s": ["-c", "import gagavatar_nodes"],
        "help_s": ["-m", "gagavatar_nodes.cli", "--help"],
    }
    return {name: round(statistics.median(_seconds(rest) for _ in range(runs)), 3) for name, rest in commands.items()}


def _seconds(rest: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *rest], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _steady(report: dict[str, Any], seconds: tuple[float, ...]) -> float | None:
    """Frames a second once everything runs, from the two shortest lengths: start-up and lifting fall out."""
    if len(seconds) < 2:
        return None
    first, second = (report[f"{length:g} s"] for length in sorted(seconds)[:2])
    return round((second["frames"] - first["frames"]) / (second["wall_s"] - first["wall_s"]), 1)


def _animate(driver: Path, out: Path, frames: int) -> dict[str, Any]:
    portrait = str(assets.path("example_portrait.jpg"))
    command = [sys.executable, "-m", "gagavatar_nodes.cli", "animate", portrait, str(driver), "-o", str(out)]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--no-cache", "--quiet"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"animate failed with status {status}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return {
        "frames": frames,
        "wall_s": round(wall, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss / unit),
    }


def _write_driver(path: Path, frames: int) -> None:
    """Write the bundled driver, repeated and scaled to the size of the benchmark."""
    import cv2

    with VideoReader(assets.path("example_driver.mp4")) as video:
        pictures = [cv2.resize(frame, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) for frame in video]
    with VideoWriter(path, FPS, (SIZE, SIZE)) as out:
        for index in range(frames):
            out.write(pictures[index % len(pictures)])
