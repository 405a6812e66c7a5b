"""One person's shape from several frames, together with each frame's expression, joints and camera."""

from __future__ import annotations

import numpy as np

from . import solver
from .face_model import SHAPES, FaceModel, moving_directions
from .solver import Observations
from .state import State

_ITERATIONS = 15
_DEPTH = 0.01
"""Relative deviation of a head's distance from what it is for a head of mean size: one picture shows no true size."""


def solve_shape(model: FaceModel, seen: Observations, start: State) -> np.ndarray:
    """Shape codes [300]: maximum a posteriori of F frames' landmarks, by Levenberg-Marquardt.

    `model` has all of FLAME's codes; of `start` only the cameras are used. The normal equations have the shape of an
    arrow: frames meet in the shape alone, which is solved from the Schur complement.
    """
    shapes = moving_directions(model, slice(0, SHAPES))
    expressions = moving_directions(model, slice(SHAPES, model.width))
    joint = model.with_codes(np.zeros(model.width), np.concatenate([shapes, expressions], 1))
    S, depths = shapes.shape[1], start.translation[:, 2]
    state = State(np.zeros((len(start), joint.width)), np.zeros_like(start.joints), start.rotation, start.translation)
    cost, damping = _cost(joint, seen, state, depths, S), 1e-3
    for _ in range(_ITERATIONS):
        trial = state.moved(_step(joint, seen, state, depths, S, damping))
        trial_cost = _cost(joint, seen, trial, depths, S)
        if trial_cost >= cost:
            damping *= 10
            continue
        converged = cost - trial_cost < solver.CONVERGED * cost
        state, cost, damping = trial, trial_cost, damping / 10
        if converged:
            break
    return (shapes @ state.codes[0, :S])[:SHAPES]


def _cost(model: FaceModel, seen: Observations, state: State, depths: np.ndarray, S: int) -> float:
    """Robust cost in which the shape's prior counts once, not once a frame."""
    repeated = (len(state) - 1) * (state.codes[0, :S] ** 2).sum() / 2
    depth = ((state.translation[:, 2] / depths - 1) ** 2).sum() / (2 * _DEPTH**2)
    return float(solver.frame_costs(model, seen, state).sum() - repeated + depth)


def _step(model: FaceModel, seen: Observations, state: State, depths: np.ndarray, S: int, damping: float) -> np.ndarray:
    """[F, D] the damped step; its first S columns are the same in all frames."""
    H, g = solver.normal_equations(model, seen, state)
    F = len(H)
    H[:, -1, -1] += 1 / (_DEPTH * depths) ** 2
    g[:, -1] += (state.translation[:, 2] / depths - 1) / (_DEPTH**2 * depths)
    C = H[:, :S, :S].sum(0) - (F - 1) * np.eye(S)
    g_shape = g[:, :S].sum(0) - (F - 1) * state.codes[0, :S]
    A, B, g_frame = H[:, S:, S:], H[:, S:, :S], g[:, S:]
    solver.damp(A, np.full(F, damping))
    solver.damp(C[None], np.full(1, damping))
    solved = np.linalg.solve(A, np.concatenate([B, g_frame[..., None]], -1))
    schur = C - np.einsum("fds,fdr->sr", B, solved[..., :S])
    shape = -np.linalg.solve(schur, g_shape - np.einsum("fds,fd->s", B, solved[..., S]))
    frames = -(solved[..., S] + solved[..., :S] @ shape)
    return np.concatenate([np.tile(shape, (F, 1)), frames], 1)
