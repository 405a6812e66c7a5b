"""The driver's face at rest."""

from __future__ import annotations

import numpy as np

from .arkit import arkit_deltas, fit_arkit
from .bundled_face import bundled_neutral
from .topology import eye_openness, mouth_aperture

_FEWEST = 3
"""Frames from which a rest can be chosen."""
_BLOCK = 512


def resting_face(offsets: np.ndarray) -> np.ndarray:
    """The driver's landmarks at rest [478, 3] float64 in cm, from the frames' [T, 478, 3] minus `bundled_neutral`.

    A picture, or a video of one or two frames, may show no rest. There it is the face without what blendshapes explain
    of it: the rest of its difference from the bundled head counts as the person's looks.
    """
    if len(offsets) >= _FEWEST:
        return bundled_neutral() + offsets[choose_neutral(offsets, bundled_neutral())]
    offset = offsets.astype(np.float64).mean(0)
    return bundled_neutral() + offset - arkit_deltas(fit_arkit(offset[None])[0])


def choose_neutral(canonical: np.ndarray, origin: np.ndarray | float = 0.0) -> int:
    """Index of the frame that is nearest to rest, of landmarks [T, 478, 3] in cm from `origin`, T >= 1.

    Near the median face, the mouth nearly closed and the eyes open, each in units of its own spread.
    """
    sample = canonical[:: max(1, len(canonical) // _BLOCK)].astype(np.float32)
    median = np.median(sample, axis=0) + origin
    starts = range(0, len(canonical), _BLOCK)
    blocks = [_signs_of_unrest(canonical[i : i + _BLOCK] + origin, median) for i in starts]
    distance, aperture, openness = np.concatenate(blocks).T
    cost = _in_spreads(distance) + _in_spreads(aperture) - 0.8 * _in_spreads(openness)
    return int(np.argmin(cost))


def _signs_of_unrest(faces: np.ndarray, median: np.ndarray) -> np.ndarray:
    """[T, 3] distance from the median face, opening of the mouth and of the eyes."""
    faces = faces.astype(np.float32)
    distance = np.linalg.norm(faces[:, :468] - median[:468], axis=-1).mean(-1)
    return np.stack([distance, mouth_aperture(faces), eye_openness(faces).mean(-1)], axis=-1)


def _in_spreads(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / max(float(values.std()), 1e-6)
