"""Frames a second as the paper measures them: driving parameters computed before, the mean of 100 frames."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .. import assets, pipeline
from ..avatars import Performance
from ..devices import has_cuda, has_torch
from ..errors import GagavatarError
from ..settings import Settings, availability
from .published import FPS
from .sights import SCALE

FRAMES = 100
_WARM_UP = 8
_PRECISIONS = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "fp16", "bf16"), "mps": ("fp32", "fp16")}


def measure_speed(settings: Settings, frames: int = FRAMES, say: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Frames a second of both avatars at 512 x 512, on every device and in every precision at hand.

    The bundled portrait is driven by the bundled driver. Tracking and lifting are done before; a frame counts when it
    is an array in main memory.

    Args:
        settings: of the published model.
        frames: drawn and averaged; the paper takes 100.
        say: called with what is measured next.

    Returns:
        `machine`, `frames`, `rows` (avatar, device, precision, fps, or why it cannot be measured), `published`.
    """
    portrait = pipeline.read_portrait(assets.path("example_portrait.jpg"))
    rows = []
    for model, device, precision in _settings():
        if say is not None:
            say(f"{model}, {device}, {precision}")
        row: dict[str, Any] = {"avatar": model, "device": device_name(device), "precision": precision}
        try:
            chosen = replace(settings, device=device, precision=precision)
            if model == "gagavatar" and not (there := availability(chosen))[0]:
                raise GagavatarError(there[1])
            tracker = "landmarks" if model == "gagavatar" else "embedded"
            motion = pipeline.read_driver(assets.path("example_driver.mp4"), tracker=tracker, settings=chosen)
            row["fps"] = frames_a_second(pipeline.lift(portrait, model, settings=chosen).perform(motion), frames)
        except GagavatarError as error:
            row["missing"] = str(error)
        rows.append(row)
    published = [{"avatar": name, "fps": fps, "source": source} for name, (fps, source) in FPS.items()]
    return {"machine": machine(), "frames": frames, "rows": rows, "published": published}


def frames_a_second(performance: Performance, frames: int) -> float:
    """Frames a second of a performance, over and over until there were as many, once some were drawn to warm up."""
    for count in (_WARM_UP, frames):
        start = time.perf_counter()
        for _ in performance.frames(SCALE, SCALE, [index % len(performance) for index in range(count)], alpha=False):
            pass
    return round(frames / (time.perf_counter() - start), 2)


def machine() -> dict[str, Any]:
    """Return what the numbers were taken on."""
    import numpy as np

    found: dict[str, Any] = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "numpy": np.__version__,
    }
    if has_torch():
        import torch

        found["torch"] = torch.__version__
    return found


def device_name(device: str) -> str:
    """Return what people call a device."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    return _processor() if device == "cpu" else "Apple GPU (MPS)"


def _settings() -> list[tuple[str, str, str]]:
    """Avatar, device and precision of each row."""
    devices = ["cpu"]
    if has_torch():
        import torch

        devices += ["cuda"] if has_cuda() else []
        devices += ["mps"] if torch.backends.mps.is_available() else []
    own = [("gagavatar", device, precision) for device in devices for precision in _PRECISIONS[device]]
    return [("embedded", "cpu", "fp32"), *own]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
