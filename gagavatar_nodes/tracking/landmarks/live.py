"""FLAME codes frame by frame, for webcams."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...types import Motion
from .face_model import FaceModel
from .fit import FIT_STRENGTH, LandmarkFit, flame_square, motion_landmarks
from .priors import usual_changes
from .solver import Ties, solve_frames, solve_sequence
from .state import State

if TYPE_CHECKING:
    from ...heads.flame import Flame

_ITERATIONS = 4
"""From the last frame's fit, which is near."""


class LiveFlame:
    """Adds FLAME codes to the single frames of a `LiveTracker`, each tied to the one before.

    The first frame decides on the cameras' square and, where none is given, on the person's shape.
    """

    def __init__(self, flame: Flame, shape: np.ndarray | None = None, smoothing: float = FIT_STRENGTH) -> None:
        """`shape` [300] codes of the person; `smoothing` 0 (none) to 1.

        Raises:
            GagavatarError: the FLAME file has no landmark embedding.
        """
        self._fit, self._smoothing, self._given = LandmarkFit(flame), smoothing, shape
        self.reset()

    def reset(self) -> None:
        """Forgets the square, the last frame, and a shape that was not given."""
        self._square: tuple[np.ndarray, float] | None = None
        self._shape = None if self._given is None else np.asarray(self._given, np.float32)
        self._model: FaceModel | None = None
        self._last: State | None = None

    def __call__(self, motion: Motion | None) -> Motion | None:
        """Return the motion of one frame with its codes; None, for a frame without a face, gives None."""
        if motion is None:
            self._last = None
            return None
        self._square = self._square or flame_square(motion)
        points = motion_landmarks(motion)
        points[..., :2] -= self._square[0]
        points /= self._square[1]
        if self._shape is None:
            self._shape = self._fit.fit_shape(points)
        self._model = self._model or self._fit.person(self._shape)
        self._last = self._solve(self._model, points, motion.fps)
        return replace(motion, flame=self._fit.codes_of(self._last, self._shape))

    def _solve(self, model: FaceModel, points: np.ndarray, fps: float) -> State:
        start = self._fit.initial(model, points)
        seen = self._fit.observed(points, start)
        if self._last is None or self._smoothing == 0:
            return solve_frames(model, seen, start)
        ties = Ties(usual_changes(model.width, fps, self._smoothing), self._last)
        return solve_sequence(model, seen, self._last, ties, _ITERATIONS)
