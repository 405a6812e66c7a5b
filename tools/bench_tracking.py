"""Parts of the tracking benchmark, see `bench.py`."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np


def run(options: argparse.Namespace, measure: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Milliseconds of one live frame of the bundled driver, and of fitting FLAME to 96 frames of it.

    FLAME is a stand-in of its structure: 41 of its expression codes move landmarks, of FLAME's own up to 100 may.
    """
    import torch

    from flame_standin import standin_flame
    from gagavatar_nodes import assets
    from gagavatar_nodes.driving.timeline import take
    from gagavatar_nodes.heads.flame import Flame
    from gagavatar_nodes.media.video_reader import VideoReader
    from gagavatar_nodes.tracking.landmarks import fit_motion
    from gagavatar_nodes.tracking.live import LiveTracker
    from gagavatar_nodes.tracking.video import track_video

    if options.threads:
        torch.set_num_threads(options.threads)
    with VideoReader(assets.path("example_driver.mp4")) as video:
        frames, fps = list(video), video.fps
    flame, tracker = Flame(standin_flame()), LiveTracker(fps)
    tracked = track_video(frames, fps)
    motion = take(tracked, np.arange(96) % len(tracked))
    shape = fit_motion(motion, flame).flame.shape
    pictures = itertools.cycle(frames)
    report = {
        "live_frame": measure(lambda: tracker.feed(next(pictures))),
        "flame_96_frames": measure(lambda: fit_motion(motion, flame, shape), batches=5),
    }
    frame_ms = report["live_frame"]["median_ms"] + report["flame_96_frames"]["median_ms"] / 96
    return {**report, "frames_per_second": round(1e3 / frame_ms, 1), "targets": {"frames_per_second": 30}}
