"""synthetic_driver.mp4: the CC0 head talking, blinking and turning; synthetic_driver_truth.npy: what it did."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .head import painter
from .makehuman import MakeHuman

FRAMES, FPS, SIZE = 72, 24, 448
_ZOOM = 175.0
_CRF = 14  # 43 dB from what was painted


def build(work: Path, out: Path) -> None:
    """Write `out/synthetic_driver.mp4` and `out/synthetic_driver_truth.npy` [72, 4]: yaw, pitch, jawOpen, blink."""
    from gagavatar_nodes.media.video_writer import VideoWriter

    source = MakeHuman(work)
    brush = painter(source)
    truth = []
    with VideoWriter(out / "synthetic_driver.mp4", FPS, (SIZE, SIZE), crf=_CRF) as video:
        for frame in range(FRAMES):
            weights, yaw, pitch = performance(frame)
            vertices = source.mesh.vertices.copy()
            for name, weight in weights.items():
                vertices = vertices + weight * source.units[name]
            video.write(np.ascontiguousarray(brush.paint(vertices, yaw, pitch, SIZE, _ZOOM)))
            truth.append((yaw, pitch, weights["jawOpen"], weights["eyeBlinkLeft"]))
    np.save(out / "synthetic_driver_truth.npy", np.array(truth))


def performance(frame: int) -> tuple[dict[str, float], float, float]:
    """ARKit weights, yaw and pitch (radians) of a frame."""
    t = frame / FPS

    def wave(hertz: float, phase: float = 0.0) -> float:
        return float(np.sin(2 * np.pi * hertz * t + phase))

    smile, brows = max(0.0, 0.8 * wave(0.33, -1)), wave(0.5, 0.5)
    blink = sum(max(0.0, 1 - abs(frame - center) / 3) for center in (20, 52))
    weights = {
        "jawOpen": max(0.0, 0.55 * wave(1.7) * (0.6 + 0.4 * wave(0.4))) * (t > 0.4),
        "mouthFunnel": max(0.0, 0.5 * wave(0.9, 1.0)),
        "mouthSmileLeft": smile,
        "mouthSmileRight": smile,
        "browInnerUp": max(0.0, 0.8 * brows),
        "browOuterUpLeft": max(0.0, 0.6 * brows),
        "browOuterUpRight": max(0.0, 0.6 * brows),
        "eyeBlinkLeft": blink,
        "eyeBlinkRight": blink,
    }
    return weights, np.radians(22) * wave(0.33), np.radians(8) * wave(0.45, 0.7)
