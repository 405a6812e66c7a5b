"""`python tools/make_living_picture.py` makes the README's docs/living.jpg: a living page in Chromium, thrice.

Needs Playwright and Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image

from gagavatar_nodes import assets, pipeline
from gagavatar_nodes.living import write_page

DOCS = Path(__file__).resolve().parents[1] / "docs"
HEIGHT, WIDTH = 560, 1600
FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
SMILE = "{mouthSmileLeft: 0.8, mouthSmileRight: 0.8, jawOpen: 0.12, cheekSquintLeft: 0.5, cheekSquintRight: 0.5}"
WONDER = "{yaw: 24, pitch: -6, browInnerUp: 0.9, browOuterUpLeft: 0.6, browOuterUpRight: 0.6, jawOpen: 0.35}"
WINK = "{yaw: -18, roll: 6, eyeBlinkLeft: 1, mouthSmileLeft: 0.9, mouthSmileRight: 0.4, cheekSquintLeft: 0.8}"
SHOTS = ((500, "light", SMILE, ""), (860, "dark", WONDER, "#sliders"), (500, "light", WINK, ""))
"""Width, color scheme, face, and what is pressed before."""


def main() -> None:
    """Write the picture."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        file = Path(folder, "me.html")
        avatar = pipeline.lift(pipeline.read_portrait(assets.path("example_portrait.jpg")), "embedded")
        voice = assets.path("example_voice.flac")
        write_page(file, avatar, {"voice": pipeline.read_voice(voice)}, voice)
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        shots = [shot(chromium, file, *one) for one in SHOTS]
        chromium.close()
    whole = Image.new("RGB", (sum(one.width for one in shots), shots[0].height))
    for number, one in enumerate(shots):
        whole.paste(one, (sum(before.width for before in shots[:number]), 0))
    whole.resize((WIDTH, round(WIDTH * whole.height / whole.width)), Image.Resampling.LANCZOS).save(
        DOCS / "living.jpg", quality=84, optimize=True
    )


def shot(chromium: object, file: Path, width: int, scheme: str, face: str, pressed: str) -> Image.Image:
    """Return the page with a face."""
    page = chromium.new_page(  # type: ignore[attr-defined]
        viewport={"width": width, "height": HEIGHT},
        color_scheme=scheme,
        reduced_motion="reduce",
        device_scale_factor=1.5,
    )
    page.set_default_timeout(300_000)
    page.goto(file.as_uri())
    page.wait_for_selector("body[data-ready]")
    if pressed:
        page.click(pressed)
        page.wait_for_timeout(500)  # the picture makes room
    page.evaluate(f"avatar.set({face})")
    page.evaluate("avatar.settled()")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.close()
    return picture


if __name__ == "__main__":
    main()
