"""Identity over time: how alike the result and the portrait are, and whether that fades."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .csim import RECOGNIZERS, Embed, cosine
from .sights import Moment
from .tracks import Tracks
from .variants import Variant

SECONDS = 1.0
"""Length of the beginning and of the end that are compared."""


def drift(values: np.ndarray, fps: float) -> float:
    """Mean of the first `SECONDS` of [T] minus that of the last; NaN where the video is shorter than twice that."""
    count = max(1, round(SECONDS * fps))
    known = values[np.isfinite(values)]
    return float(known[:count].mean() - known[-count:].mean()) if len(known) >= 2 * count else float("nan")


def _similarity(embed: Embed) -> Callable[[Moment], float]:
    return lambda moment: cosine(embed(moment.result), embed(moment.portrait))


def _drift(name: str) -> Callable[[Tracks], float]:
    return lambda tracks: drift(tracks.frames[f"identity.{name}"], tracks.result.motion.fps)


def _variants(name: str) -> tuple[Variant, Variant]:
    title, embed, make, source, _ = RECOGNIZERS[name]
    return (
        Variant(
            f"identity.{name}", f"identity, {title}", f"cosine of the embeddings by {title} of the result and of the "
            "portrait", source, "", "higher", _similarity(embed), instrument=make,
        ),
        Variant(
            f"drift.{name}", f"identity drift, {title}", f"mean identity.{name} of the first second minus that of the "
            "last", "this program", "", "lower", of_tracks=_drift(name), instrument=make,
        ),
    )  # fmt: skip


VARIANTS = tuple(one for name in RECOGNIZERS for one in _variants(name))
