"""Prompts in API form for a real ComfyUI, and what is expected of the files that they make."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np

G = "GAGAvatar"


def node(kind, **inputs):
    return {"class_type": kind if kind in ("LoadVideo", "PreviewImage", "SaveVideo", "LoadImage") else G + kind,
            "inputs": inputs}  # fmt: skip


def graph(motion, **values):
    """Example portrait -> avatar (3) -> `motion` (4) -> Render Avatar (5), shown (6)."""
    look = {"width": 128, "height": 128, "background": "color", "background_color": "black", "retarget": "auto",
            "reference_frame": 0, "refine": True, "in_place": False}  # fmt: skip
    return {
        "1": node("ExampleInputs", person="photo"),
        "2": node("TrackPortrait", image=["1", 0], face=0, matting="guided", size=512),
        "3": node("LiftPortrait", portrait=["2", 0]),
        "4": motion,
        "5": node("RenderAvatar", avatar=["3", 0], motion=["4", 0], **(look | values)),
        "6": node("PreviewImage", images=["5", 0]),
    }


def builtin(name="nod", seconds=0.4):
    return node("BuiltinMotion", name=name, seconds=seconds, fps=25.0)


def to_video(prompt, prefix, **values):
    """Adds a Render Avatar to Video (7) of the same avatar and motion."""
    look = {"width": 128, "height": 128, "background": "color", "background_color": "black", "retarget": "auto",
            "reference_frame": 0, "refine": True, "filename_prefix": prefix, "format": "mp4",
            "quality": 18}  # fmt: skip
    return {**prompt, "7": node("RenderAvatarToVideo", avatar=["3", 0], motion=["4", 0], **(look | values))}


def published_prompt(**values):
    nodes = graph(builtin("nod", 0.08), **({"width": 512, "height": 512} | values))
    nodes["8"] = node("LoadAvatarModel", model="auto", checkpoint="auto", precision="fp32", density=296)
    nodes["9"] = {"class_type": "PreviewAny", "inputs": {"source": ["8", 1]}}
    nodes["3"]["inputs"]["model"] = ["8", 0]
    return nodes


def published_base(base: Path) -> Path:
    """A base folder of ComfyUI whose models folder has a checkpoint and a FLAME file."""
    import torch
    from safetensors.torch import save_file

    import gagavatar_recipe
    from gagavatar_nodes.weights.lockfile import LockFile
    from parity_recipe import synthetic_flame

    folder = base / "models" / "gagavatar"
    folder.mkdir(parents=True)
    save_file(gagavatar_recipe.published_state_dict(0), folder / "GAGAvatar.safetensors")
    torch.save(synthetic_flame(0), folder / "FLAME_with_eye.pt")
    LockFile(folder).accept("FLAME_with_eye.pt")  # another file than the published one, on purpose
    gc.collect()
    return base


def check(path):
    """Pictures and films have a size, and something on them that moves."""
    from gagavatar_nodes.media.video_reader import VideoReader

    if path.suffix not in (".mp4", ".webm", ".webp", ".png"):
        assert path.stat().st_size > 10_000
        return
    with VideoReader(path) as video:
        frames = [frame for frame, _ in zip(video, range(30), strict=False)]
    assert min(video.size) >= 256
    assert frames[0].std() > 10
    if path.suffix != ".png":
        assert len(frames) > 20
        assert np.abs(frames[0].astype(int) - frames[15]).mean() > 0.2
