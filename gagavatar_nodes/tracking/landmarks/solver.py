"""Levenberg-Marquardt over a run of frames that are tied to their neighbors in time.

The ties make the normal equations block tridiagonal with diagonal off-blocks: one pass of block elimination solves them
exactly, in time linear in the number of frames. Residuals are made robust by reweighting (IRLS).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import priors
from .face_model import FaceModel
from .state import State, concatenate

_KNEE = 2.0
"""Deviations from which a landmark counts as an outlier."""
_START_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-3, 1e-7, 1e6
_FLOOR = 1e-9
"""Added to the normal equations' diagonal: frames that show nothing have no say on their cameras."""
CONVERGED = 1e-4
"""Relative decrease of the cost under which the fit is done."""


@dataclass(frozen=True)
class Observations:
    """Landmarks of T frames."""

    points: np.ndarray
    """[T, 70, 2] normalized image positions: -1..1, x right, y down."""
    precision: np.ndarray
    """[T, 70] inverse deviations; 0 where nothing was seen."""

    def __getitem__(self, part: slice | np.ndarray) -> Observations:
        return Observations(self.points[part], self.precision[part])


@dataclass(frozen=True)
class Ties:
    """How frames hang together in time."""

    deviations: np.ndarray
    """[D] usual change of each parameter from frame to frame."""
    previous: State | None = None
    """The frame before the first, which is known."""

    def differences(self, state: State) -> np.ndarray:
        """Return the changes from frame to frame, with the known frame before the first."""
        return (state if self.previous is None else concatenate([self.previous, state])).differences()


def solve_frames(model: FaceModel, seen: Observations, state: State, iterations: int = 15) -> State:
    """Fit each frame for itself, all at once."""
    cost = frame_costs(model, seen, state)
    damping = np.full(len(state), _START_DAMPING)
    for _ in range(iterations):
        H, g = normal_equations(model, seen, state)
        damp(H, damping)
        step = np.linalg.solve(H, -g[..., None])[..., 0]
        trial = state.moved(step)
        trial_cost = frame_costs(model, seen, trial)
        better = trial_cost < cost
        damping = np.clip(np.where(better, damping / 10, damping * 10), _LEAST_DAMPING, _MOST_DAMPING)
        done = (cost - trial_cost)[better] < CONVERGED * cost[better]
        state = _choose(better, trial, state)
        cost = np.where(better, trial_cost, cost)
        if better.all() and done.all():
            break
    return state


def solve_sequence(model: FaceModel, seen: Observations, state: State, ties: Ties, iterations: int = 8) -> State:
    """Fit successive frames together."""
    cost = _sequence_cost(model, seen, state, ties)
    damping = _START_DAMPING
    for _ in range(iterations):
        H, g = normal_equations(model, seen, state)
        link = _add_ties(H, g, state, ties)
        damp(H, np.full(len(state), damping))
        trial = state.moved(-solve_tied(H, link, g))
        trial_cost = _sequence_cost(model, seen, trial, ties)
        if trial_cost >= cost:
            damping = damping * 10
            if damping > _MOST_DAMPING:
                break
            continue
        converged = cost - trial_cost < CONVERGED * cost
        state, cost, damping = trial, trial_cost, max(damping / 10, _LEAST_DAMPING)
        if converged:
            break
    return state


def solve_tied(H: np.ndarray, link: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return x [T, D] with `H_t x_t - link_t-1 * x_t-1 - link_t * x_t+1 = g_t` (block elimination).

    H [T, D, D], g [T, D], link [T - 1, D].
    """
    inverses = np.empty_like(H)
    y = np.array(g)
    block = H[0]
    for t in range(len(H)):
        inverses[t] = np.linalg.inv(block)
        if t + 1 < len(H):
            y[t + 1] += link[t] * (inverses[t] @ y[t])
            block = H[t + 1] - link[t] * inverses[t] * link[t][:, None]
    x = np.empty_like(y)
    for t in reversed(range(len(H))):
        ahead = link[t] * x[t + 1] if t + 1 < len(H) else 0.0
        x[t] = inverses[t] @ (y[t] + ahead)
    return x


def normal_equations(model: FaceModel, seen: Observations, state: State) -> tuple[np.ndarray, np.ndarray]:
    """H [T, D, D] and g [T, D] of the landmarks and the static priors."""
    J, residual = weighted_jacobian(model, seen, state)
    transposed = J.swapaxes(1, 2)
    H, g = transposed @ J, (transposed @ residual[..., None])[..., 0]
    priors.add_static(H, g, state)
    return H, g


def weighted_jacobian(model: FaceModel, seen: Observations, state: State) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives [T, 140, D] of the landmarks' residuals [T, 140], in deviations, outliers weighed down."""
    points, J = model.linearize(state.codes, state.joints, state.rotation, state.translation)
    residual = (points - seen.points) * seen.precision[..., None]
    weight, _ = priors.huber(np.linalg.norm(residual, axis=-1), _KNEE)
    scale = np.sqrt(weight)
    J *= np.repeat(scale * seen.precision, 2, axis=-1)[..., None]
    return J, (residual * scale[..., None]).reshape(len(residual), -1)


def frame_costs(model: FaceModel, seen: Observations, state: State) -> np.ndarray:
    """[T] robust cost of the landmarks plus that of the static priors."""
    points = model.project(state.codes, state.joints, state.rotation, state.translation)
    size = np.linalg.norm(points - seen.points, axis=-1) * seen.precision
    return priors.huber(size, _KNEE)[1].sum(1) + priors.static_cost(state)


def _sequence_cost(model: FaceModel, seen: Observations, state: State, ties: Ties) -> float:
    change = priors.change_weights(ties.differences(state), ties.deviations)[1]
    return float(frame_costs(model, seen, state).sum() + change)


def _add_ties(H: np.ndarray, g: np.ndarray, state: State, ties: Ties) -> np.ndarray:
    """Add the derivatives of the changes in time to H and g; return the links [T - 1, D] between frames."""
    differences = ties.differences(state)
    weights, _ = priors.change_weights(differences, ties.deviations)
    pull = weights * differences
    diagonal = np.arange(H.shape[-1])
    into = len(H) - len(weights)  # 1 where the first frame has none before it
    H[into:, diagonal, diagonal] += weights
    g[into:] += pull
    inner = weights[1 - into :]
    H[:-1, diagonal, diagonal] += inner
    g[:-1] -= pull[1 - into :]
    return inner


def damp(H: np.ndarray, damping: np.ndarray) -> None:
    """Raise the diagonals of normal equations [T, D, D] by shares [T] of themselves, in place."""
    diagonal = np.arange(H.shape[-1])
    H[:, diagonal, diagonal] = H[:, diagonal, diagonal] * (1 + damping[:, None]) + _FLOOR


def _choose(better: np.ndarray, trial: State, state: State) -> State:
    def pick(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.where(better.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return State(
        pick(trial.codes, state.codes),
        pick(trial.joints, state.joints),
        pick(trial.rotation, state.rotation),
        pick(trial.translation, state.translation),
    )
