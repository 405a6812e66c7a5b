"""portrait_*.jpg: public-domain portraits that other packages ship, cropped and enlarged."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from .sources import FREECOL, MATPLOTLIB, Archive, Source

QUALITY = 88
_FATHERS = "./usr/share/games/freecol/default/resources/images/foundingFathers"
_CANVAS = (72, 76, 328, 392)
"""Of FreeCol's pictures, without their frame."""


@dataclass(frozen=True)
class Original:
    """A picture of a package."""

    source: Source
    member: str
    crop: tuple[int, int, int, int]
    """Left, top, right, bottom."""
    width: int
    """Pixels to which the crop is enlarged."""


PORTRAITS = {
    "portrait_admiral.jpg": Original(
        MATPLOTLIB, "matplotlib/mpl-data/sample_data/grace_hopper.jpg", (0, 0, 512, 512), 640
    ),
    "portrait_pocahontas.jpg": Original(FREECOL, f"{_FATHERS}/pocahontas.size6.jpg", _CANVAS, 640),
    "portrait_franklin.jpg": Original(FREECOL, f"{_FATHERS}/benjaminFranklin.size6.jpg", _CANVAS, 640),
}


def build(work: Path, out: Path) -> None:
    """Write the portraits into `out`."""
    for name, original in PORTRAITS.items():
        content = Archive(original.source, work).read(original.member)
        picture = Image.open(io.BytesIO(content)).convert("RGB").crop(original.crop)
        size = original.width, round(original.width * picture.height / picture.width)
        enlarged = picture.resize(size, Image.Resampling.LANCZOS)
        enlarged.save(out / name, quality=QUALITY, subsampling=0, optimize=True)
