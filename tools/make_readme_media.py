"""`python tools/make_readme_media.py` makes the README's docs/demo.gif and docs/contact_sheet.jpg from bundled data."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gagavatar_nodes import assets
from gagavatar_nodes.cli import main as gagavatar
from gagavatar_nodes.media.images import read_image, write_image

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> None:
    """Write both files."""
    portrait, driver = str(assets.path("example_portrait.jpg")), str(assets.path("example_driver.mp4"))
    gif = ["-o", str(DOCS / "demo.gif"), "--compare", "--size", "240", "--fps", "12", "--background", "#2b2d31"]
    if gagavatar(["animate", portrait, driver, *gif]):
        raise SystemExit("the GIF was not made")
    with tempfile.TemporaryDirectory() as folder:
        if gagavatar(["demo", "--out", folder]):
            raise SystemExit("the contact sheet was not made")
        write_image(DOCS / "contact_sheet.jpg", read_image(Path(folder) / "contact_sheet.png").rgb, quality=88)


if __name__ == "__main__":
    main()
