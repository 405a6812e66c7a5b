"""Prompts in API form for a real ComfyUI, and what is expected of the files that they make."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np

G = "GAGAvatar"
FILM, VOICE = "short.mp4", "short.wav"
_SHORTEN = """files => {
    const examples = app.graph.nodes.filter(node => node.type === 'GAGAvatarExampleInputs');
    for (const [slot, kind, file] of [[1, 'LoadVideo', files[0]], [2, 'LoadAudio', files[1]]]) {
        const ids = examples.flatMap(example => example.outputs[slot].links ?? []);
        if (!ids.length) continue;
        const links = ids.map(id => ({ ...(app.graph.getLink?.(id) ?? app.graph.links[id]) }));
        const node = LiteGraph.createNode(kind);
        node.pos = [-4000, 1500 * slot];
        app.graph.add(node);
        node.widgets[0].value = file;
        for (const { target_id, target_slot } of links)
            node.connect(0, app.graph.getNodeById(target_id), target_slot);
    }
}"""


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


def write_short_inputs(folder: Path) -> None:
    """Write the beginning of the bundled film and of the bundled voice into ComfyUI's folder of inputs."""
    from gagavatar_nodes.assets import path as asset
    from gagavatar_nodes.nodes.sound import read_sound, write_sound
    from media_files import cut_film

    cut_film(folder / FILM, asset("example_driver.mp4"), 40)
    voice = read_sound(asset("example_voice.flac"))
    assert voice is not None
    write_sound(voice | {"waveform": voice["waveform"][..., : int(1.6 * voice["sample_rate"])]}, folder / VOICE)


def shorten(page) -> None:
    """Have the graph in the editor take the short film and voice in place of Example Inputs' ten seconds of them."""
    page.page.evaluate(_SHORTEN, [FILM, VOICE])


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
