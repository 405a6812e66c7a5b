"""Parts of a picture that are compared: the whole, the face, and the square that published numbers look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..tracking.arcface import five_points
from ..tracking.insight import load_insight
from ..tracking.opencv import opencv
from .insight import insight_five
from .sights import SCALE, Moment
from .variants import SELF, Maker, Variant

if TYPE_CHECKING:
    from .sights import Sight

_WIDER = 3.0
"""Edge of the published square over the longer edge of the five key points' box."""

Pair = tuple[np.ndarray, np.ndarray]
Compare = Callable[[np.ndarray, np.ndarray], float]

REGIONS = {
    "full": "the whole picture",
    "crop": "the published square: five key points by insightface on the truth, their box made square and three times "
    "as large, at most 512, black outside of the picture, resized to 512",
    "crop478": "the same square from the bundled landmarks (irises' centers, nose tip, mouth corners)",
}
CROP_SOURCE = "github.com/xg-chu/GAGAvatar, issues 39 and 43; repeated by FlexAvatar, scripts/compute_metrics.py"


def published_square(five: np.ndarray) -> tuple[int, int, int]:
    """Left, top and edge, whole pixels, of the square around five key points [5, 2] of a picture `SCALE` wide."""
    low, high = five.min(0), five.max(0)
    half = min(int((high - low).max() * _WIDER), SCALE) // 2
    left, top = ((low + high) // 2 - half).astype(int)
    return int(left), int(top), 2 * half


def cut(rgb: np.ndarray, square: tuple[int, int, int]) -> np.ndarray:
    """[SCALE, SCALE, 3] uint8 of a square of a picture `SCALE` wide; black outside of it."""
    from PIL import Image

    left, top, edge = square
    part = Image.fromarray(rgb).crop((left, top, left + edge, top + edge))  # black where there is no picture
    return np.asarray(part.resize((SCALE, SCALE), Image.Resampling.BILINEAR))  # with antialiasing


def pictures(moment: Moment, region: str) -> Pair | None:
    """Result and truth in a region of `REGIONS`; None where the truth's face is not found."""
    return moment.result.once(("region", region, moment.index), lambda: _pictures(moment, region))


def _pictures(moment: Moment, region: str) -> Pair | None:
    if region == "full":
        return moment.result.rgb, moment.truth.rgb
    five = insight_five(moment.truth) if region == "crop" else _bundled_five(moment.truth)
    if five is None:
        return None
    square = published_square(five)
    return cut(_scale(moment.result.rgb), square), cut(_scale(moment.truth.rgb), square)


def _bundled_five(sight: Sight) -> np.ndarray | None:
    return None if sight.points is None else five_points(sight.points) * sight.unit


def _scale(rgb: np.ndarray) -> np.ndarray:
    """Return the picture `SCALE` wide."""
    height, width = rgb.shape[:2]
    if width == SCALE:
        return rgb
    cv2 = opencv()
    how = cv2.INTER_AREA if width > SCALE else cv2.INTER_CUBIC
    return cv2.resize(rgb, (SCALE, round(height * SCALE / width)), interpolation=how)


def in_regions(
    prefix: str, title: str, definition: str, source: str, unit: str, better: str, compare: Compare,
    papers: tuple[str, ...] = (), instrument: Maker | None = None,
) -> tuple[Variant, ...]:  # fmt: skip
    """Return the variants of a metric that compares two pictures [H, W, 3] uint8, one a region.

    `papers` used it in the published square.
    """

    def variant(region: str, what: str) -> Variant:
        def of_frame(moment: Moment) -> float:
            pair = pictures(moment, region)
            return float("nan") if pair is None else compare(*pair)

        return Variant(
            id=f"{prefix}.{region}",
            title=f"{title}, {region}",
            definition=f"{definition}; {what}",
            source=source if region == "full" else f"{source}; {CROP_SOURCE}",
            unit=unit,
            better=better,
            of_frame=of_frame,
            papers=papers if region == "crop" else (),
            protocols=(SELF,),
            instrument=_all_of(instrument, load_insight) if region == "crop" else instrument,
        )

    return tuple(variant(region, what) for region, what in REGIONS.items())


def _all_of(first: Maker | None, second: Maker) -> Maker:
    if first is None:
        return second

    def both(settings: object) -> object:
        return first(settings), second(settings)  # type: ignore[arg-type]

    return both
