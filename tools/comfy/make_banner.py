"""The registry's icon (400x400) and banner (21:9), rendered from the bundled portrait.

python tools/comfy/make_banner.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gagavatar_nodes import pipeline
from gagavatar_nodes.assets import path as asset
from gagavatar_nodes.driving.operations import add_arkit, neutral_motion, turn_head
from gagavatar_nodes.rendering.compositing import composite

DOCS = Path(__file__).parents[2] / "docs"
ICON, BANNER = 400, (1344, 576)
FADE = 60
"""Pixels in which shoulders that the crop cuts fade out."""
TOP, BOTTOM = (34, 44, 62), (12, 14, 20)
SMILE = {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6, "eyeSquintLeft": 0.3, "eyeSquintRight": 0.3}
TALK = {"jawOpen": 0.35, "mouthFunnel": 0.2}
SURPRISE = {
    "browInnerUp": 0.8,
    "browOuterUpLeft": 0.8,
    "browOuterUpRight": 0.8,
    "eyeWideLeft": 0.6,
    "eyeWideRight": 0.6,
}


def backdrop(width: int, height: int) -> Image.Image:
    """Return a vertical gradient."""
    share = np.linspace(0, 1, height)[:, None, None]
    rows = np.array(TOP) * (1 - share) + np.array(BOTTOM) * share
    return Image.fromarray(np.broadcast_to(rows, (height, width, 3)).astype(np.uint8))


def main() -> None:
    """Write docs/icon.png and docs/banner.jpg."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    avatar = pipeline.lift(pipeline.read_portrait(asset("example_portrait.jpg")), "embedded")

    def head(weights: dict[str, float], yaw: float, edge: int) -> Image.Image:
        motion = turn_head(add_arkit(neutral_motion(), weights), yaw, 0)
        rgb, alpha = next(avatar.perform(motion).frames(edge, edge))
        picture = composite(rgb, alpha, None)
        ramp = np.clip(np.minimum(np.arange(edge), np.arange(edge)[::-1]) / FADE, 0, 1)
        picture[..., 3] = picture[..., 3] * ramp  # the picture ends where the shoulders do not
        return Image.fromarray(picture)

    icon = backdrop(ICON, ICON)
    picture = head(SMILE, 14, ICON)
    icon.paste(picture, (0, 0), picture)
    icon.save(DOCS / "icon.png", optimize=True)

    banner = backdrop(*BANNER)
    for left, weights, yaw in ((560, SURPRISE, -24), (1010, TALK, 26), (760, SMILE, 4)):
        edge = 470 if yaw != 4 else 540
        picture = head(weights, yaw, edge)
        banner.paste(picture, (left - (edge - 470) // 2 - 100, BANNER[1] - edge), picture)
    draw = ImageDraw.Draw(banner)
    draw.text((60, 170), "GAGAvatar", fill=(236, 238, 242), font=ImageFont.load_default(84))
    draw.text(
        (64, 280), "one photo,\na talking 3D head", fill=(168, 176, 190), font=ImageFont.load_default(36), spacing=10
    )
    banner.save(DOCS / "banner.jpg", quality=88, optimize=True)


if __name__ == "__main__":
    main()
