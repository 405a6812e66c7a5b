"""How fast and how steady a video is tracked, and FLAME fitted to it.

    python tools/measure_tracking.py talking.mp4 [--flame FLAME_with_eye.pt] [--preview out.mp4]

Without a FLAME file a stand-in of that structure is fitted, made of the bundled head. Jitter is that of `gagavatar
evaluate`, in pixels of the 512 crop, where the raw landmarks are still; null where they never are. It is compared with
that of the raw landmarks, and so is the range of the lids' opening. The preview shows the fit on the frames. FLAME
needs PyTorch.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import chain
from pathlib import Path

import numpy as np

from flame_standin import standin_flame
from gagavatar_nodes.evaluation.jitter import jitter, still_stretches
from gagavatar_nodes.heads.flame import Flame
from gagavatar_nodes.heads.flame_files import load_flame
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter
from gagavatar_nodes.tracking.landmarks import FlameOverlay, fit_motion, flame_square, motion_landmarks
from gagavatar_nodes.tracking.video import track_video
from gagavatar_nodes.types import Motion

CROP = 512
UPPER, LOWER = [37, 38, 43, 44], [41, 40, 47, 46]
"""Lid points among the 70 landmarks."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--flame", type=Path, help="FLAME file (default: the stand-in)")
    parser.add_argument("--smoothing", type=float, default=0.5)
    parser.add_argument("--preview", type=Path, help="write a video of the fit")
    options = parser.parse_args()
    flame = Flame(load_flame(options.flame) if options.flame else standin_flame())
    print(json.dumps(measure(options.video, flame, options.smoothing, options.preview), indent=2))


def measure(path: Path, flame: Flame, smoothing: float, preview: Path | None) -> dict[str, object]:
    """Times, jitter and kept movement of one video."""
    raw, _ = timed(lambda: tracked(path, 0))
    smooth, tracking_ms = timed(lambda: tracked(path, smoothing))
    first, shape_and_fit_ms = timed(lambda: fit_motion(smooth, flame))
    motion, fit_ms = timed(lambda: fit_motion(smooth, flame, first.flame.shape))
    frames, overlay = len(raw), FlameOverlay(flame, motion)
    paths = {
        "raw": motion_landmarks(raw)[..., :2],
        "smoothed": motion_landmarks(smooth)[..., :2],
        "flame": np.stack([overlay.project(i)[1] for i in range(frames)]),
    }
    scale = CROP / 2 / flame_square(smooth)[1]
    paths = {name: points * scale for name, points in paths.items()}
    still = still_stretches(paths["raw"])
    jitters = {name: jitter(points, still) for name, points in paths.items()} if still.any() else {}
    opening = {name: np.ptp((p[:, LOWER, 1] - p[:, UPPER, 1]).mean(1)) for name, p in paths.items()}
    if preview:
        write_preview(path, preview, overlay)
    return {
        "flame": flame.edition,
        "frames": frames,
        "tracking_ms_per_frame": round(tracking_ms / frames, 2),
        "shape_ms": round(shape_and_fit_ms - fit_ms),
        "fit_ms_per_frame": round(fit_ms / frames, 2),
        "frames_per_second": round(frames / (tracking_ms + fit_ms) * 1e3, 1),
        "still_share": round(float(still.mean()), 3),
        "still_jitter_px": {name: round(j, 3) for name, j in jitters.items()} if still.any() else None,
        "flame_over_raw": round(jitters["flame"] / jitters["raw"], 3) if still.any() else None,
        "residual_px": round(float(np.linalg.norm(paths["flame"] - paths["smoothed"], axis=-1)[:, 17:].mean()), 2),
        "lid_range_kept": {name: round(float(o / opening["raw"]), 3) for name, o in opening.items()},
        "targets": {"flame_over_raw": 0.333, "frames_per_second": 30},
    }


def timed(run):
    """Result and milliseconds."""
    start = time.perf_counter()
    result = run()
    return result, (time.perf_counter() - start) * 1e3


def tracked(path: Path, smoothing: float) -> Motion:
    with VideoReader(path) as video:
        return track_video(video, video.fps, smoothing)


def write_preview(path: Path, out: Path, overlay: FlameOverlay) -> None:
    """Write the video with the fit drawn on it."""
    with VideoReader(path) as video:
        frames = (overlay(index, frame) for index, frame in enumerate(video))
        first = next(frames)
        with VideoWriter(out, video.fps, first.shape[1::-1]) as writer:
            for frame in chain([first], frames):
                writer.write(frame)


if __name__ == "__main__":
    main()
