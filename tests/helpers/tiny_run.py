"""A data set and a network so small that a training step takes a moment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from gagavatar_nodes.driving.motion_file import save_motion
from gagavatar_nodes.media.video_writer import VideoWriter
from gagavatar_nodes.tracking.emica.results import flame_motion
from gagavatar_nodes.types import Camera, FlameCodes

FRAMES, EDGE = 12, 64
CHANGES = (
    "network.feature_channels=4", "network.plane_size=8", "network.image_size=56", "network.render_size=32",
    "network.backbone_width=16", "network.backbone_heads=2", "network.stage_channels=[4, 4, 8, 8]",
    "network.local_channels=8", "network.vertex_channels=8", "network.head_channels=8", "network.refiner_channels=8",
    "network.refiner_last_channels=4", "data.workers=0", "loop.batch=2", "loop.steps=4", "loop.accelerator=cpu",
    "output.log_every=1", "output.validate_every=2", "output.save_every=2", "output.validation_frames=2",
)  # fmt: skip
"""Of the configuration `tiny`."""


def write_data(folder: Path) -> Path:
    """A clip of a gray disk that moves a little, with cameras and codes of the bundled head."""
    clip = folder / "disk-s000-p0"
    clip.mkdir(parents=True)
    rows, columns = np.mgrid[:EDGE, :EDGE]
    with VideoWriter(clip / "crops.mp4", 25, (EDGE, EDGE), crf=4) as writer:
        for k in range(FRAMES):
            inside = (rows - 32) ** 2 + (columns - 26 - k) ** 2 < 20**2
            writer.write(np.repeat(np.where(inside, 90 + 8 * k, 0).astype(np.uint8)[..., None], 3, axis=2))
    rng = np.random.default_rng(0)
    expression = np.zeros((FRAMES, 100), np.float32)
    expression[:, :52] = rng.uniform(0, 0.3, (FRAMES, 52))
    transform = np.repeat(Camera.frontal(9.8).transform[None], FRAMES, axis=0)
    transform[:, 0, 3] += np.linspace(-0.1, 0.1, FRAMES)
    zeros = np.zeros((FRAMES, 6), np.float32)
    codes = FlameCodes("embedded", np.zeros(300, np.float32), expression, zeros[:, :3], zeros, transform)
    boxes = np.tile(np.float32([0.2, 0.2, 0.8, 0.8]), (FRAMES, 1))
    beside = {"boxes": boxes, "frames": np.arange(FRAMES, dtype=np.int32)}
    save_motion(flame_motion(codes, 25), clip / "motion.safetensors", beside)
    keys = [f"{clip.name}_{k:06d}" for k in range(FRAMES)]
    lists = {"train": keys[:8], "val": keys[8:], "test": []}
    (folder / "dataset.json").write_text(json.dumps({"format": "gagavatar.dataset", "version": 1, **lists}))
    return folder
