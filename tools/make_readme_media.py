"""`python tools/make_readme_media.py` makes the README's docs/demo.gif and docs/contact_sheet.jpg from bundled data."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from gagavatar_nodes import assets
from gagavatar_nodes.cli import main as gagavatar
from gagavatar_nodes.media.images import read_image, write_image
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.media.video_writer import VideoWriter

DOCS = Path(__file__).resolve().parents[1] / "docs"
_SECONDS = 4.6  # of the GIF


def main() -> None:
    """Write both files."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    portrait = str(assets.path("example_portrait.jpg"))
    gif = ["-o", str(DOCS / "demo.gif"), "--compare", "--size", "224", "--fps", "10", "--background", "#2b2d31"]
    with tempfile.TemporaryDirectory() as folder:
        driver = _beginning(Path(folder) / "driver.mp4")
        if gagavatar(["animate", portrait, str(driver), *gif]):
            raise SystemExit("the GIF was not made")
        if gagavatar(["demo", "--out", folder]):
            raise SystemExit("the contact sheet was not made")
        write_image(DOCS / "contact_sheet.jpg", read_image(Path(folder) / "contact_sheet.png").rgb, quality=88)


def _beginning(path: Path) -> Path:
    """Write the driver's first seconds: the whole would make a heavy GIF."""
    with VideoReader(assets.path("example_driver.mp4")) as video:
        size = (video.width, video.height)
        with VideoWriter(path, video.fps, size, crf=10) as output:
            for frame, _ in zip(video, range(round(_SECONDS * video.fps)), strict=False):
                output.write(frame)
    return path


if __name__ == "__main__":
    main()
