"""FLAME codes and cameras from the 478 landmarks of the bundled tracker."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...heads.similarity import similarities
from ...types import FOCAL, HEAD_UNITS_PER_CM, FlameCodes, Motion
from ..smoothing import DEFAULT_STRENGTH, PASS_SHARE
from .face_model import INDICES, SHAPES, FaceModel, landmark_model, moving_directions
from .priors import usual_changes
from .shape import solve_shape
from .solver import Observations, Ties, solve_frames, solve_sequence
from .state import State, concatenate

if TYPE_CHECKING:
    from ...heads.flame import Flame

HALF_WIDTH_CM = 16.0
"""Half the square that the published network sees, at the head: its cameras stand 12 half-widths away."""
HEAD_CENTER = np.array([0.0, 1.8, -4.0])
"""Canonical point in the middle of that square, centimeters."""
_OUTLINE = 17
_ERRORS_CM = np.repeat([0.3, 0.1, 0.3, 0.1, 0.05, 0.1], [5, 7, 5, 19, 12, 22])
"""Deviations of the outline, which slides on the skin as the head turns, brows and nose, lids, lips and pupils."""
_SHAPE_FRAMES = 16
FIT_STRENGTH = PASS_SHARE * DEFAULT_STRENGTH
"""Default smoothing of a fit, on landmarks that were smoothed already."""
_BLOCK, _AHEAD = 96, 16
"""Frames fitted at once and kept, and further ones that only look ahead."""


def fit_shape(flame: Flame, landmarks: np.ndarray, size: int) -> np.ndarray:
    """Shape codes [300] float32 of the person whose landmarks [T, 478, 3] were seen in `size` x `size` pixels.

    Up to 16 frames that look into different directions are fitted together.

    Raises:
        GagavatarError: the FLAME file has no landmark embedding.
    """
    return LandmarkFit(flame).fit_shape(_normalize(landmarks, size))


def fit_landmarks(
    flame: Flame,
    landmarks: np.ndarray,
    size: int,
    fps: float = 25.0,
    shape: np.ndarray | None = None,
    confidence: np.ndarray | None = None,
    smoothing: float = FIT_STRENGTH,
) -> FlameCodes:
    """FLAME codes of T frames from landmarks [T, 478, 3] in `size` x `size` pixels, z away from the camera.

    Args:
        flame: with landmarks.
        landmarks: of one person; only the 70 of `INDICES` are read.
        size: edge of the square that becomes the cameras' image.
        fps: frames a second.
        shape: [300] codes; fitted to the same frames by default.
        confidence: [T], 0 where a frame was not seen and is to be filled in from its neighbors.
        smoothing: 0 (each frame for itself) to under 1; sudden movement is kept.

    Raises:
        GagavatarError: the FLAME file has no landmark embedding.
    """
    points = _normalize(landmarks, size)
    visible = np.ones(len(points), bool) if confidence is None else np.asarray(confidence) > 0
    fit = LandmarkFit(flame)
    if shape is None:
        shape = fit.fit_shape(points[visible])
    return fit.fit_codes(points, visible, np.asarray(shape, np.float32), fps, smoothing)


def fit_motion(
    motion: Motion, flame: Flame, shape: np.ndarray | None = None, smoothing: float = FIT_STRENGTH
) -> Motion:
    """Return the motion with FLAME codes fitted to its landmarks; everything else stays as it is.

    The cameras' image is a square around the head's median place, as wide as the published network expects it.

    Raises:
        GagavatarError: the FLAME file has no landmark embedding.
    """
    visible = motion.confidence > 0
    points = motion_landmarks(motion)
    center, half = flame_square(motion)
    points[..., :2] -= center
    points /= half
    fit = LandmarkFit(flame)
    if shape is None:
        shape = fit.fit_shape(points[visible] if visible.any() else points)
    return replace(motion, flame=fit.fit_codes(points, visible, np.asarray(shape, np.float32), motion.fps, smoothing))


def fit_square(motion: Motion, flame: Flame, smoothing: float = FIT_STRENGTH) -> FlameCodes:
    """FLAME codes of a motion whose pictures are square: they are the images of the codes' cameras.

    Raises:
        GagavatarError: the FLAME file has no landmark embedding.
    """
    points, visible = 2 * motion_landmarks(motion), motion.confidence > 0
    fit = LandmarkFit(flame)
    return fit.fit_codes(points, visible, fit.fit_shape(points[visible]), motion.fps, smoothing)


def flame_square(motion: Motion) -> tuple[np.ndarray, float]:
    """Return the square that is the image of the cameras which `fit_motion` finds.

    Its center [2] and half width, in picture heights from the picture's center.
    """
    seen = np.flatnonzero(motion.confidence) if motion.confidence.any() else slice(None)
    heads = motion.rotation @ HEAD_CENTER + motion.translation
    centers = (motion.scale[:, None] * heads)[seen, :2] * [1, -1]
    return np.median(centers, axis=0), HALF_WIDTH_CM * float(np.median(motion.scale[seen]))


def motion_landmarks(motion: Motion) -> np.ndarray:
    """[T, 70, 3] of a motion, in picture heights from the picture's center, y down and z away."""
    indices = list(INDICES)
    canonical = motion.neutral[indices] + motion.deltas[:, indices].astype(np.float64)
    placed = canonical @ motion.rotation.astype(np.float64).swapaxes(-1, -2) + motion.translation[:, None]
    return motion.scale[:, None, None] * placed * [1, -1, -1]


class LandmarkFit:
    """Fits one FLAME file to landmarks [T, 70, 3]: normalized image positions, z away in the same unit."""

    def __init__(self, flame: Flame) -> None:
        self._edition = flame.edition
        self._model = landmark_model(flame)
        self._expressions = moving_directions(self._model, slice(SHAPES, self._model.width))

    def fit_shape(self, points: np.ndarray) -> np.ndarray:
        """Shape codes [300] float32 of T >= 1 frames of one person."""
        rotations = self.initial(self._model, points).rotation
        chosen = _select_views(rotations, _SHAPE_FRAMES)
        start = self.initial(self._model, points[chosen])
        return solve_shape(self._model, self.observe(points[chosen], start), start).astype(np.float32)

    def person(self, shape: np.ndarray) -> FaceModel:
        """Return the model of one person, whose codes are expressions."""
        fixed = np.zeros(self._model.width)
        fixed[:SHAPES] = shape
        return self._model.with_codes(fixed, self._expressions)

    def initial(self, model: FaceModel, points: np.ndarray) -> State:
        """Return the mean face at rest, laid on the landmarks as a rigid body without perspective."""
        T = len(points)
        weights = np.where(np.arange(len(INDICES)) < _OUTLINE, 0.2, 1.0)
        scales, R, shifts = similarities(model.constant.sum(0), points * [1, -1, -1], weights)
        translation = np.concatenate([shifts[:, :2] * [-1, 1], np.full((T, 1), FOCAL)], 1) / scales[:, None]
        rotation = R.swapaxes(-1, -2) * [-1, 1, -1]
        return State(np.zeros((T, model.width)), np.zeros((T, 9)), rotation, translation)

    def fit_codes(
        self, points: np.ndarray, visible: np.ndarray, shape: np.ndarray, fps: float, smoothing: float
    ) -> FlameCodes:
        """Codes of T frames of a person of known shape [300], see `fit_landmarks`."""
        model = self.person(shape)
        parts: list[State] = []
        for start in range(0, len(points), _BLOCK):
            part = slice(start, start + _BLOCK + _AHEAD)
            previous = parts[-1][-1:] if parts else None
            parts.append(self.fit_block(model, points[part], visible[part], fps, smoothing, previous)[:_BLOCK])
        return self.codes_of(concatenate(parts), shape)

    def fit_block(
        self,
        model: FaceModel,
        points: np.ndarray,
        visible: np.ndarray,
        fps: float,
        smoothing: float,
        previous: State | None = None,
    ) -> State:
        """Return some successive frames, after the `previous` one where there is one."""
        start = self.initial(model, points)
        seen = self.observe(points, start, visible)
        if smoothing == 0:
            return solve_frames(model, seen, start)
        ties = Ties(usual_changes(model.width, fps, smoothing), previous)
        return solve_sequence(model, seen, solve_frames(model, seen, start, iterations=4), ties)

    @staticmethod
    def observe(points: np.ndarray, start: State, visible: np.ndarray | None = None) -> Observations:
        """Return the landmarks with their precision, which depends on the heads' size.

        `visible` [T], all by default.
        """
        precision = start.translation[:, 2:] / FOCAL / (_ERRORS_CM * HEAD_UNITS_PER_CM)
        if visible is not None:
            precision = precision * visible[:, None]
        return Observations(points[..., :2], precision)

    def codes_of(self, state: State, shape: np.ndarray) -> FlameCodes:
        """Return what was fitted, in FLAME's numbers."""
        transform = np.concatenate([state.rotation, state.translation[..., None]], -1)
        expression = state.codes @ self._expressions[SHAPES:].T
        values = (expression, state.joints[:, :3], state.joints[:, 3:], transform)
        return FlameCodes(self._edition, shape, *(v.astype(np.float32) for v in values))  # type: ignore[arg-type]


def _normalize(landmarks: np.ndarray, size: int) -> np.ndarray:
    """[T, 70, 3] of landmarks [T, 478, 3] in pixels of a square."""
    points = np.asarray(landmarks)[:, list(INDICES)].astype(np.float64)
    points[..., :2] -= (size - 1) / 2
    return points / (size / 2)


def _select_views(rotations: np.ndarray, count: int) -> np.ndarray:
    """At most `count` frames whose view directions are evenly ranked from side to side."""
    aside = np.argsort(rotations[:, 2, 0], kind="stable")
    return aside[np.unique(np.linspace(0, len(aside) - 1, count).round().astype(int))]
