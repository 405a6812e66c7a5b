"""The page's moving thumbnails and the result that plays on arrival, rendered from bundled data.

python tools/make_app_media.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from gagavatar_nodes import assets, pipeline
from gagavatar_nodes.app.avatars import BACKDROP
from gagavatar_nodes.avatars import Avatar
from gagavatar_nodes.driving.builtin import BUILTIN_NAMES, builtin_motion
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter
from gagavatar_nodes.rendering.compositing import composite
from gagavatar_nodes.types import Motion

MEDIA = Path(__file__).resolve().parents[1] / "gagavatar_nodes" / "app" / "media"
THUMBNAIL, THUMBNAIL_FPS, MOST_FRAMES = 160, 10, 45
WELCOME, WELCOME_FPS = 480, 25
_QUALITY = 55
_BORDER = cv2.BORDER_REPLICATE


def main() -> None:
    """Write a thumbnail of each portrait, built-in motion and the bundled driver, and `welcome.mp4`."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    MEDIA.mkdir(exist_ok=True)
    portraits = {name: pipeline.read_portrait(assets.path(file)) for name, file in assets.PORTRAITS.items()}
    for name, portrait in portraits.items():
        size = portrait.crop.shape[1::-1]
        flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
        square = cv2.warpAffine(portrait.picture, portrait.crop_to_picture, size, flags=flags, borderMode=_BORDER)
        write_thumbnail(name, [square])
    avatars = [pipeline.lift(portrait) for portrait in portraits.values()]
    for i, name in enumerate(BUILTIN_NAMES):
        motion = builtin_motion(name, fps=THUMBNAIL_FPS)
        write_thumbnail(name, list(drawn(avatars[i % len(avatars)], motion, THUMBNAIL))[:MOST_FRAMES])
    with VideoReader(assets.path("example_driver.mp4")) as video:
        every = max(1, round(video.fps / THUMBNAIL_FPS))
        write_thumbnail("driver", [frame for i, frame in enumerate(video) if i % every == 0][:MOST_FRAMES])
    with VideoWriter(MEDIA / "welcome.mp4", WELCOME_FPS, (WELCOME, WELCOME), crf=24) as video:
        for frame in drawn(avatars[0], builtin_motion("talk", fps=WELCOME_FPS), WELCOME):
            video.write(frame)
    for path in sorted(MEDIA.iterdir()):
        print(f"{path.stat().st_size / 1e3:6.0f} kB  {path.name}")


def drawn(avatar: Avatar, motion: Motion, size: int) -> Iterable[np.ndarray]:
    """Each frame of a motion, [size, size, 3] uint8."""
    for rgb, alpha in avatar.perform(motion).frames(size, size):
        yield composite(rgb, alpha, BACKDROP)


def write_thumbnail(name: str, frames: list[np.ndarray]) -> None:
    """Write frames [H, W, 3] uint8 as an animation that goes on for ever."""
    pictures = [Image.fromarray(frame).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS) for frame in frames]
    pictures[0].save(
        MEDIA / f"{name}.webp", save_all=True, append_images=pictures[1:], duration=1000 // THUMBNAIL_FPS, loop=0,
        quality=_QUALITY, method=6,
    )  # fmt: skip


if __name__ == "__main__":
    main()
