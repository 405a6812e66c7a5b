"""What is known of a face before it is seen, and of how fast it moves."""

from __future__ import annotations

import numpy as np

from .face_model import JOINTS
from .state import State

_JAW = (0.3, 0.03, 0.05)  # radians, deviations of opening, turning and tilting
_EYE = (0.25, 0.3, 0.02)  # of looking down, aside, and of twisting, which no picture shows
_VERGENCE = 0.08  # radians by which the two eyes' directions differ
_KNEE = 1.0  # deviations from which a change costs linearly: a blink or a cut is not smoothed away
_CHANGES = {"codes": 0.05, "jaw": 0.002, "eyes": 0.03, "turn": 0.001, "shift": 0.0005, "depth": 0.01}
"""Usual change from frame to frame: deviations, radians, and head units across and along the view."""
_FPS = 25.0
_LEAST_CHANGE = 1e-3
"""Share of the usual change that stays at full smoothing."""


def usual_changes(width: int, fps: float, smoothing: float) -> np.ndarray:
    """[width + 15] deviations of the change of each parameter from frame to frame.

    As of random walks; about `_CHANGES` for a `smoothing` of 0.5 at 25 frames a second, smaller for more smoothing.
    """
    usual = np.repeat(list(_CHANGES.values()), [width, 3, 6, 3, 2, 1])
    return usual * np.sqrt(_FPS / fps) * (1 / smoothing - 1 + _LEAST_CHANGE)


def joint_precision() -> np.ndarray:
    """[9, 9] inverse covariance of jaw and eyes: eyes look about the same way."""
    precision = np.diag(1 / np.square([*_JAW, *_EYE, *_EYE]))
    for axis in (0, 1):
        a, b = 3 + axis, 6 + axis
        precision[[a, b], [a, b]] += _VERGENCE**-2
        precision[[a, b], [b, a]] -= _VERGENCE**-2
    return precision


_JOINTS = joint_precision()


def static_cost(state: State) -> np.ndarray:
    """[T] half the squared deviation of codes and joints from the mean face."""
    joints = np.einsum("ti,ij,tj->t", state.joints, _JOINTS, state.joints)
    return ((state.codes**2).sum(1) + joints) / 2


def add_static(H: np.ndarray, g: np.ndarray, state: State) -> None:
    """Add the derivatives of `static_cost` to H [T, D, D] and g [T, D]."""
    k = state.codes.shape[1]
    codes, joints = slice(0, k), slice(k, k + JOINTS)
    H[:, range(k), range(k)] += 1
    g[:, codes] += state.codes
    H[:, joints, joints] += _JOINTS
    g[:, joints] += state.joints @ _JOINTS


def change_weights(differences: np.ndarray, deviations: np.ndarray) -> tuple[np.ndarray, float]:
    """Robust weights [T, D] of the changes between frames [T, D], and their cost."""
    weights, cost = huber(np.abs(differences / deviations), _KNEE)
    return weights / deviations**2, float(cost.sum())


def huber(size: np.ndarray, knee: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights and costs of residuals of these sizes: squared up to the knee, then linear (Huber 1964)."""
    weight = np.minimum(1, knee / np.maximum(size, knee))
    return weight, np.where(size <= knee, size**2 / 2, knee * (size - knee / 2))
