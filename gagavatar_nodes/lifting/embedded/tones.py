"""Pictures of one hue, such as gray photographs, sepia prints and engravings: what is drawn into them has it too."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from ...face.topology import FACE_OVAL
from ...types import Portrait
from .lip_edges import lab_of
from .pixels import polygon

_REDUCED = 4  # of the crop's edge: grain and the codec's errors do not count
_ONE_HUE = (2.2, 3.2)
"""CIELAB chroma by which a face departs from what its lightness tells: a gray or toned picture's, and a colored one's,
whose lips and skin alone differ by more."""


def portrait_tones(portrait: Portrait) -> Callable[[np.ndarray], np.ndarray]:
    """Return what gives colors [N, 3] 0..1 the hue of a portrait that has but one, and leaves those of others."""
    size = portrait.size // _REDUCED
    small = cv2.resize(portrait.crop, (size, size), interpolation=cv2.INTER_AREA)
    face = polygon(portrait.landmarks[list(FACE_OVAL), :2] / _REDUCED, size) > 0.5
    lab = lab_of(small[face][None] / 255.0)[0]
    hue, *_ = np.linalg.lstsq(_powers(lab[:, 0]), lab[:, 1:], rcond=None)
    departs = np.sqrt(np.square(lab[:, 1:] - _powers(lab[:, 0]) @ hue).sum(1).mean()) if len(lab) else np.inf
    share = np.clip((_ONE_HUE[1] - departs) / (_ONE_HUE[1] - _ONE_HUE[0]), 0, 1)
    darkest, lightest = np.percentile(lab[:, 0], [2, 98]) if len(lab) else (0, 100)

    def tone(colors: np.ndarray) -> np.ndarray:
        if not share:
            return colors
        own = lab_of(colors[None])[0]
        toned = np.column_stack([own[:, 0], _powers(np.clip(own[:, 0], darkest, lightest)) @ hue])
        mixed = own + share * (toned - own)
        return np.clip(cv2.cvtColor(mixed[None].astype(np.float32), cv2.COLOR_LAB2RGB)[0], 0, 1)

    return tone


def _powers(lightness: np.ndarray) -> np.ndarray:
    """[N, 3] of CIELAB lightness 0..100: hues of papers and inks differ, and run into each other."""
    return (lightness[:, None] / 100) ** np.arange(3)
