"""ARKit blendshape weights from landmark offsets, and back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache

import numpy as np

from ..errors import GagavatarError
from ..types import ARKIT_NAMES
from .bundled_face import arkit_basis, bundled_neutral
from .topology import EYE_CORNERS, EYE_RINGS, INNER_LIPS, IRISES, LOWER_LIDS, MOUTH_CORNERS, UPPER_LIDS

__all__ = ["arkit_basis", "arkit_deltas", "arkit_weights", "bundled_neutral", "fit_arkit", "gaze_of", "part_lids"]

_UNSEEN = ("tongueOut", "mouthClose")
"""The tongue has no landmarks; mouthClose only undoes jawOpen, so no fit can tell the two apart."""
_LEADING = (
    "browInnerUp", "eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthFunnel", "mouthPucker", "mouthSmileLeft",
    "mouthSmileRight",
)  # fmt: skip
"""Targets that explain most of what faces do: they are to be tried before their small neighbors."""
_RIDGE_CM = {True: 0.6, False: 3.0}
"""Cost of a weight of a leading target, and of another."""
_LIDS, _LIPS = 8.0, 2.0  # emphasis on what is small and matters most; the irises have the lips'
_DEPTH = 0.4  # of z, which a single picture barely shows
_ITERATIONS = 120
_TOLERANCE = 1e-4


def arkit_weights(weights: Mapping[str, float] | np.ndarray) -> np.ndarray:
    """Weights [..., 52] float32 from an array of that shape, or [52] from names and values.

    Raises:
        GagavatarError: a name is not one of `ARKIT_NAMES`, the array does not end in 52, or a value is not a number.
    """
    if isinstance(weights, Mapping):
        array = np.zeros(len(ARKIT_NAMES), np.float32)
        for name, value in weights.items():
            array[_index(name)] = value
    else:
        array = np.asarray(weights, np.float32)
    if array.shape[-1:] != (len(ARKIT_NAMES),):
        raise GagavatarError(f"ARKit weights must have {len(ARKIT_NAMES)} values, but these have shape {array.shape}")
    if not np.isfinite(array).all():
        raise GagavatarError("ARKit weights must be numbers: one of them is NaN or infinite")
    return array


def _index(name: str) -> int:
    if name in ARKIT_NAMES:
        return ARKIT_NAMES.index(name)
    folded = {known.lower(): known for known in ARKIT_NAMES}
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.0)
    raise GagavatarError(f"There is no ARKit blendshape '{name}': did you mean '{folded[near[0]]}'?")


def arkit_deltas(weights: Mapping[str, float] | np.ndarray) -> np.ndarray:
    """Canonical landmark offsets [..., 478, 3] float32 of weights [..., 52], centimeters: linear, see `arkit_basis`."""
    array = arkit_weights(weights)
    basis = arkit_basis().reshape(len(ARKIT_NAMES), -1).astype(np.float32)
    return (array @ basis).reshape(*array.shape[:-1], 478, 3)


def fit_arkit(deltas: np.ndarray) -> np.ndarray:
    """ARKit weights [T, 52] float32 in 0..1 that explain canonical landmark offsets [T, 478, 3] in centimeters.

    Least squares with a ridge and both bounds, by accelerated projected gradient with restarts (O'Donoghue and Candes,
    "Adaptive restart for accelerated gradient schemes", 2015) on coordinates scaled by the Gram matrix's diagonal, all
    frames at once. `mouthClose` and `tongueOut` stay 0.
    """
    problem = _problem()
    weights = np.zeros((len(deltas), len(ARKIT_NAMES)), np.float32)
    for start in range(0, len(deltas), 512):
        part = np.asarray(deltas[start : start + 512], np.float32).reshape(-1, 478 * 3)
        weights[start : start + 512, problem.columns] = problem.solve(part)
    return weights


class _Problem:
    """The fit's matrices: rows weighted by what the tracker sees well, columns without the unseen targets."""

    def __init__(self) -> None:
        self.columns = np.array([i for i, name in enumerate(ARKIT_NAMES) if name not in _UNSEEN])
        rows = _row_weights().reshape(-1)
        design = arkit_basis()[self.columns].reshape(len(self.columns), -1) * rows
        ridge = np.array([_RIDGE_CM[ARKIT_NAMES[i] in _LEADING] for i in self.columns])
        gram = design @ design.T + np.diag(ridge**2)
        self.scale = 1 / np.sqrt(np.diag(gram))
        scaled = gram * self.scale * self.scale[:, None]
        self.step = 1 / np.linalg.eigvalsh(scaled)[-1]
        self.gram = scaled
        self.correlate = (design * rows).T * self.scale
        self.upper = 1 / self.scale

    def solve(self, deltas: np.ndarray) -> np.ndarray:
        """[T, 50] weights of offsets [T, 1434]."""
        target = deltas @ self.correlate
        x = np.clip(target, 0, self.upper)
        y, momentum = x, np.ones((len(x), 1))
        for _ in range(_ITERATIONS):
            new = np.clip(y - self.step * (y @ self.gram - target), 0, self.upper)
            moved = new - x
            against = ((y - new) * moved).sum(1, keepdims=True) > 0
            momentum = np.where(against, 1.0, momentum)
            following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            y = new + np.where(against, 0.0, (momentum - 1) / following) * moved
            x, momentum = new, following
            if np.abs(moved * self.scale).max(initial=0) < _TOLERANCE:
                break
        return x * self.scale


@cache
def _problem() -> _Problem:
    return _Problem()


def _row_weights() -> np.ndarray:
    weights = np.ones((478, 3))
    for ring, iris in zip(EYE_RINGS, IRISES, strict=True):
        weights[list(ring)] = weights[iris] = _LIPS
    weights[[*INNER_LIPS, *MOUTH_CORNERS]] = _LIPS
    weights[np.ravel([UPPER_LIDS, LOWER_LIDS])] = _LIDS
    return weights * [1, 1, _DEPTH]


def gaze_of(canonical: np.ndarray) -> np.ndarray:
    """Iris offsets [..., 2, 2] from the eyes' centers in eye widths, of landmarks [..., 478, 3]; see `Motion.gaze`."""
    sides = []
    for corners, iris in zip(EYE_CORNERS, IRISES, strict=True):
        outer, inner = (canonical[..., i, :] for i in corners)
        width = np.linalg.norm(outer - inner, axis=-1)[..., None]
        sides.append((canonical[..., iris.start, :2] - (outer + inner)[..., :2] / 2) / width)
    return np.stack(sides, axis=-2)


def part_lids(canonical: np.ndarray) -> np.ndarray:
    """Landmarks [..., 478, 3] with the upper lids' edges laid on the lower ones' where they had passed them."""
    parted = np.array(canonical)
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        above, below = parted[..., list(upper), 1:], parted[..., list(lower), 1:]
        parted[..., list(upper), 1:] = np.where(above[..., :1] < below[..., :1], below, above)
    return parted
