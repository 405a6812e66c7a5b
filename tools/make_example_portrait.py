"""Crops the bundled example portrait out of scikit-image's `astronaut` (NASA, public domain)."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

CROP = (40, 0, 400, 360)
"""Left, top, right, bottom in the 512x512 picture: head and shoulders."""
SIZE = 720
QUALITY = 92
TARGET = Path(__file__).parents[1] / "gagavatar_nodes" / "assets" / "example_portrait.jpg"


def make_example_portrait(target: Path = TARGET) -> None:
    """Write the crop, enlarged twice by Lanczos resampling, as a JPEG."""
    from skimage.data import astronaut

    picture = Image.fromarray(astronaut()).crop(CROP).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    picture.save(target, quality=QUALITY, subsampling=0, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", type=Path, default=TARGET)
    make_example_portrait(parser.parse_args().target)
