"""Largest memory of a real ComfyUI that tracks and renders a long video: 4,200 frames of 512x512 unless told otherwise.

COMFYUI_DIR=... COMFYUI_PYTHON=... python tools/comfy/measure_long_video.py [--frames N]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

from gagavatar_nodes.assets import path as asset
from gagavatar_nodes.media.backgrounds import cover
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter
from server import MemoryWatch, Server

EDGE = 512


def write_driver(path: Path, frames: int) -> None:
    """Write the bundled driver, again and again."""
    with VideoReader(asset("example_driver.mp4")) as video:
        scaled = [cover(frame, (EDGE, EDGE)) for frame in video]
        fps = video.fps
    with VideoWriter(path, fps, (EDGE, EDGE)) as writer:
        for frame, _ in zip(cycle(scaled), range(frames), strict=False):
            writer.write(frame)


def prompt(server: Server) -> dict[str, Any]:
    """Video file -> motion -> video file, with the defaults of every node."""
    links = {
        "1": ("LoadVideo", {"file": "long.mp4"}),
        "2": ("GAGAvatarExtractDriving", {"video": ["1", 0]}),
        "3": ("GAGAvatarExampleInputs", {}),
        "4": ("GAGAvatarTrackPortrait", {"image": ["3", 0]}),
        "5": ("GAGAvatarLiftPortrait", {"portrait": ["4", 0]}),
        "6": ("GAGAvatarRenderAvatarToVideo", {"avatar": ["5", 0], "motion": ["2", 0]}),
    }
    return {number: {"class_type": kind, "inputs": defaults(server, kind) | given}
            for number, (kind, given) in links.items()}  # fmt: skip


def defaults(server: Server, kind: str) -> dict[str, Any]:
    """Values of a node's widgets."""
    values = {}
    for name, field in server.get(f"/object_info/{kind}")[kind]["input"]["required"].items():
        if isinstance(field[0], list) and field[0]:
            values[name] = field[1].get("default", field[0][0])
        elif len(field) > 1 and "default" in field[1]:
            values[name] = field[1]["default"]
    return values


def main() -> int:
    """Print the memory before, and the largest while the prompt ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=4200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "input").mkdir()
        write_driver(base / "input" / "long.mp4", args.frames)
        python = os.environ.get("COMFYUI_PYTHON", sys.executable)
        server = Server(base, Path(os.environ["COMFYUI_DIR"]), python=python)
        try:
            begun = time.monotonic()
            with MemoryWatch(server.process.pid) as memory:
                before = memory.now()
                run = server.run(prompt(server), limit=3600)
            seconds = time.monotonic() - begun
            if run.problems:
                print(*run.problems, sep="\n")
                return 1
            with VideoReader(server.files()[0]) as video:
                count = sum(1 for _ in video)
        finally:
            server.stop()
    peak, rest = memory.peak / 1e9, before / 1e9
    print(f"{count} frames of {EDGE}x{EDGE}: {peak:.2f} GB at most, {rest:.2f} GB before, {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
