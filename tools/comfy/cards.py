"""Moving cards for the template browser: what an example graph made, as a small animated WebP.

The browser asks for `NAME.jpg` beside a graph of a node pack and for nothing else, so that is the file's name; it tells
pictures apart by their content and plays this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

EDGE, FPS, SECONDS = 288, 10, 2.8
"""Pixels of a card's height, frames a second, and its length: the pack is to stay slim."""
_QUALITY = 50
_WIDEST = 2.0
_VIEW = 0.36
"""Share of a graph's height that is seen at once where the graph itself is the card."""
FACES: tuple[dict[str, float | str], ...] = (
    {}, {"smile": 0.9, "brows": 0.3}, {"emotion": "surprised", "yaw": 14}, {"aaa": 0.9, "yaw": 20, "pitch": -6},
    {"emotion": "wink", "yaw": -14}, {"emotion": "sad", "pitch": 8}, {"ooo": 0.8, "gaze": 0.8},
)  # fmt: skip
"""What the card of the expression editor goes through."""
_STEPS = 4


def save_card(frames: Sequence[Image.Image], path: Path, fps: float = FPS) -> None:
    """Write pictures as one that moves."""
    sized = [_sized(frame) for frame in frames]
    rest: dict[str, Any] = {"append_images": sized[1:], "duration": round(1000 / fps), "loop": 0}
    sized[0].save(path, "WEBP", save_all=True, quality=_QUALITY, method=6, **rest)


def result_frames(files: Sequence[Path]) -> list[Image.Image]:
    """Return what to show of the files that a graph wrote: the comparison, or else all of its videos side by side."""
    still = [path for path in files if path.suffix == ".png"]
    moving = [path for path in files if path.suffix == ".webp"] or [path for path in files if path.suffix == ".mp4"]
    compared = [path for path in moving if path.name.startswith("compare")]
    rows = [_frames(path) for path in (compared or moving)]
    if not rows:
        return [Image.open(path) for path in still]
    return [_beside(pictures) for pictures in zip(*rows, strict=False)]


def expression_frames(server: Any, prompt: dict[str, Any]) -> list[Image.Image]:
    """Return the node Expression going from one face to the next, by runs of the graph."""
    number = next(key for key, node in prompt.items() if node["class_type"] == "GAGAvatarExpression")
    start = prompt[number]["inputs"] | {"emotion": "neutral", "yaw": 0, "brows": 0, "blink": 0}
    frames = []
    for before, after in zip(FACES, [*FACES[1:], FACES[0]], strict=True):
        for step in range(_STEPS):
            share = (1 - np.cos(np.pi * step / _STEPS)) / 2
            prompt[number]["inputs"] = start | _between(before, after, float(share))
            known = set(server.files())
            server.run(prompt)
            frames += [Image.open(path).convert("RGB") for path in server.files() if path not in known]
    return frames


def pan(picture: Image.Image) -> list[Image.Image]:
    """Return a view that goes over the upper part of a wide picture, from its left to its right and back."""
    height = round(picture.height * _VIEW)
    width = min(round(height * _WIDEST), picture.width)
    turns = np.linspace(0, 2 * np.pi, round(FPS * SECONDS), endpoint=False)
    lefts = [round((1 - np.cos(turn)) / 2 * (picture.width - width)) for turn in turns]
    return [picture.crop((left, 0, left + width, height)) for left in lefts]


def _between(before: dict[str, Any], after: dict[str, Any], share: float) -> dict[str, Any]:
    """Values `share` of the way; of two emotions, the nearer one at the strength that is left of it."""
    names = {name for name in (*before, *after) if name != "emotion"}
    mixed: dict[str, Any] = {n: (1 - share) * before.get(n, 0) + share * after.get(n, 0) for n in names}
    shown, strength = (after, 2 * share - 1) if share > 0.5 else (before, 1 - 2 * share)
    if "emotion" in before and "emotion" not in after:
        shown, strength = before, 1 - share
    if "emotion" in after and "emotion" not in before:
        shown, strength = after, share
    return mixed | {"emotion": shown.get("emotion", "neutral"), "emotion_strength": strength}


def _frames(path: Path) -> list[Image.Image]:
    """Return a file's pictures at the card's rate, from its start."""
    if path.suffix == ".webp":
        with Image.open(path) as image:
            return [frame.convert("RGBA") for frame in ImageSequence.Iterator(image)][::2][: round(FPS * SECONDS)]
    from gagavatar_nodes.media.video_reader import VideoReader

    with VideoReader(path, fps=FPS) as video:
        return [Image.fromarray(frame) for frame, _ in zip(video, range(round(FPS * SECONDS)), strict=False)]


def _beside(pictures: Sequence[Image.Image]) -> Image.Image:
    if len(pictures) == 1:
        return pictures[0]
    height = min(one.height for one in pictures)
    scaled = [one.resize((round(one.width * height / one.height), height)) for one in pictures]
    whole = Image.new("RGB", (sum(one.width for one in scaled), height))
    for number, one in enumerate(scaled):
        whole.paste(one, (sum(before.width for before in scaled[:number]), 0))
    return whole


def _sized(picture: Image.Image) -> Image.Image:
    """As high as cards are, and not wider than they can be."""
    scale = min(EDGE / picture.height, _WIDEST * EDGE / picture.width)
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
