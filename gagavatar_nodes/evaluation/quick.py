"""Two sequences of pictures that are at hand, compared without files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..settings import Settings
from ..tracking.opencv import opencv
from .registry import VARIANTS, choose, group_reasons, split_missing
from .scoring import Follower, Scorer
from .sights import Sight
from .variants import SELF, Instruments

USUAL = ("psnr.full", "psnr.face", "ssim.full", "ssim.face", "lpips", "csim", "akd.l2.landmarks478", "aed.l1.arkit",
         "apd.geodesic", "jitter", "blink", "jaw", "expression")  # fmt: skip
"""Beginnings of the ids that are compared where nothing else is asked for."""
_NOTHING, _FULL = 8, 64
"""Differences of 8 bit that are drawn black, and as bright as can be."""


class Comparison:
    """Compares frame by frame; what is known of a whole video is told at its end."""

    def __init__(self, fps: float, metrics: Iterable[str] = USUAL, settings: Settings | None = None) -> None:
        """Raise GagavatarError where a metric is unknown."""
        self._instruments = Instruments(settings)
        self._variants, self.missing = split_missing(choose(metrics, SELF), self._instruments)
        self._scorer, self._driver = Scorer("result", fps, self._variants), Follower(fps, "truth")
        self._count = 0
        self._first: Sight | None = None

    def add(self, image: np.ndarray, truth: np.ndarray) -> None:
        """Take the next two pictures [H, W, 3] uint8 of one size."""
        sight = Sight(truth, self._driver.see(truth), self._instruments)
        self._first = self._first or sight
        self._scorer.add(self._count, image, sight, self._first, True)
        self._count += 1

    def finish(self) -> dict[str, Any]:
        """Return what `Scorer.finish` does: means by id, values by frame, frames without a face."""
        return self._scorer.finish(self._driver.finish(), None, self._instruments, None)


def report(scores: dict[str, Any], missing: dict[str, str]) -> str:
    """Return the numbers as lines of text, and below them what is missing and how to get it."""
    lines = []
    for name, value in scores["values"].items():
        variant = VARIANTS[name]
        better = f", {variant.better} is better" if variant.better else ""
        shown = "no value" if value is None else f"{value:.4g}{f' {variant.unit}' if variant.unit else ''}"
        lines.append(f"{variant.title} ({name}{better}): {shown}")
    if scores["no_face"]:
        lines.append(f"no face in {scores['no_face']} frames: they count in no number of faces")
    lines += [f"missing: {', '.join(names)}: {why}" for why, names in group_reasons(missing).items()]
    return "\n".join(lines)


def draw_difference(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 heat of the largest difference of the channels: black for none, then violet, red, yellow."""
    cv2 = opencv()
    largest = np.abs(image.astype(np.int16) - truth).max(2)
    level = np.clip((largest - _NOTHING) * (255 / (_FULL - _NOTHING)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO)[..., ::-1])


def compare(pairs: Iterable[tuple[np.ndarray, np.ndarray]], comparison: Comparison) -> Iterator[np.ndarray]:
    """Yield the drawn difference of each pair (result, truth), once `comparison` has taken it."""
    for image, truth in pairs:
        comparison.add(image, truth)
        yield draw_difference(image, truth)
