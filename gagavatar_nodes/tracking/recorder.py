"""Collects tracked frames into a motion."""

from __future__ import annotations

import numpy as np

from ..face.arkit import fit_arkit, gaze_of
from ..face.bundled_face import bundled_neutral
from ..face.neutral import resting_face
from ..face.pose import solve_poses
from ..types import COVERED, MOUTHS, TURNS, Motion
from .bridging import Bridge, frame_ranges
from .covered import TONES, covered_mouths
from .face_mesh import Landmarks
from .mouth import mouth_is_seen, rest_unseen
from .shots import align_shots, write_shots
from .smoothing import BackwardSmoother
from .upright import quarter_turns, turn_points

_BLOCK = 64
"""Frames whose poses are solved at once."""
_NO_TONES = np.full((TONES, 3), np.nan, np.float16)


class MotionRecorder:
    """Takes landmarks a frame at a time and makes a motion of them; keeps 3 KB a frame."""

    def __init__(self, fps: float, source: str = "", smoothing: float = 0.0) -> None:
        """`smoothing` is the strength of a backward pass over landmarks that a forward pass has smoothed."""
        self._fps = fps
        self._source = source
        self._turns: int | None = None
        self._backward = BackwardSmoother(fps, smoothing)
        self._points: list[np.ndarray] = []
        self._pictures: list[tuple[int, int]] = []
        self._confidence: list[float] = []
        self._mouths: list[bool] = []  # of the frames with a face, whether it lies in the picture
        self._tones: list[np.ndarray] = []  # likewise
        self._blocks: list[tuple[np.ndarray, ...]] = []
        self._shots = [0]
        self._forgotten: set[int] = set()

    def begin_shot(self) -> None:
        """Take it that the next frame begins a shot: size and place have nothing to do with those before."""
        self._points += self._backward.flush()
        self._shots.append(len(self._confidence))

    def forget(self, count: int) -> None:
        """Let the last frames not count: they showed two shots at once."""
        end = len(self._confidence)
        self._forgotten.update(range(max(end - count, 0), end))

    def add(
        self, points: np.ndarray | None, score: float, shape: tuple[int, ...], tones: np.ndarray | None = None
    ) -> None:
        """Take the next frame: landmarks [478, 3] in pixels or None without a face, face score, picture's shape.

        By the `tones` (`covered.face_tones`) it is found out where something covers the mouth.

        A video on its side or upside down becomes the motion of the upright one, by its first face's roll.
        """
        if points is None:
            self._points += self._backward.flush()
        else:
            self._mouths.append(mouth_is_seen(points, shape))
            self._tones.append(_NO_TONES if tones is None else tones)
            if self._turns is None:
                self._turns = quarter_turns(points)
            points = turn_points(points, self._turns, shape)
            if self._turns % 2:
                shape = shape[1::-1]
            self._points += self._backward.push(points, Landmarks(points, score).size)
            self._pictures.append((shape[0], shape[1]))
        self._confidence.append(max(score, 1e-3) if points is not None else 0.0)
        if len(self._points) >= _BLOCK:
            self._solve()

    def finish(self) -> Motion:
        """Return the motion of all frames; those without a face are filled in. At least one must have had a face."""
        self._points += self._backward.flush()
        self._solve()
        scale, rotation, translation, gaze, offsets = (
            np.concatenate(parts) for parts in zip(*self._blocks, strict=True)
        )
        self._blocks.clear()
        confidence = np.array(self._confidence, np.float32)
        forgotten = sorted(self._forgotten)
        mouths, tones = np.array(self._mouths), np.array(self._tones)
        kept = ~np.isin(np.flatnonzero(confidence > 0), forgotten)
        if kept.any() and not kept.all():
            scale, rotation, translation, gaze, offsets, mouths, tones = (
                values[kept] for values in (scale, rotation, translation, gaze, offsets, mouths, tones)
            )
            confidence[forgotten] = 0
        known = np.flatnonzero(confidence > 0)
        starts = np.unique(np.searchsorted(known, self._shots)).tolist()
        shots = align_shots(starts, scale, rotation, translation, offsets)
        covered = mouths & covered_mouths(tones, rotation, starts, self._fps)
        notes = self._notes(known[~mouths].tolist(), known[covered].tolist())
        mouths &= ~covered
        neutral = resting_face(offsets[mouths] if mouths.any() else offsets)
        for start in range(0, len(offsets), _BLOCK):  # in place: the offsets are most of the motion
            block = slice(start, start + _BLOCK)
            offsets[block] = bundled_neutral() + offsets[block] - neutral
        rest_unseen(offsets, mouths, known / self._fps)
        if len(known) < len(confidence):
            bridge = Bridge(known, len(confidence))
            rotation = bridge.fill_rotations(rotation)
            scale, translation, gaze, offsets = map(bridge.fill, (scale, translation, gaze, offsets))
        return Motion(
            fps=self._fps,
            rotation=rotation,
            translation=translation,
            scale=scale,
            neutral=neutral.astype(np.float32),
            deltas=offsets,
            arkit=fit_arkit(offsets),
            gaze=gaze,
            confidence=confidence,
            source=self._source,
            extra=notes | write_shots(shots),
        )

    def _notes(self, without_mouth: list[int], covered: list[int]) -> dict[str, str]:
        turns = str(self._turns) if self._turns else ""
        notes = {TURNS: turns, MOUTHS: frame_ranges(without_mouth), COVERED: frame_ranges(covered)}
        return {key: note for key, note in notes.items() if note}

    def _solve(self) -> None:
        if not self._points:
            return
        self._blocks.append(head_motion(np.stack(self._points), np.array(self._pictures[: len(self._points)])))
        del self._pictures[: len(self._points)]
        self._points.clear()


def head_motion(
    points: np.ndarray, pictures: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scale [T], rotation, translation and gaze as in `Motion`, and offsets [T, 478, 3] float16 from `bundled_neutral`.

    `points` [T, 478, 3] are landmarks in pixels, `pictures` [T, 2] the heights and widths of the pictures.
    """
    scales, rotations, translations, canonical = solve_poses(points)
    height, width = pictures.astype(np.float64).T
    translations[:, 0] -= (width - 1) / 2
    translations[:, 1] += (height - 1) / 2
    return (
        (scales / height).astype(np.float32),
        rotations.astype(np.float32),
        (translations / scales[:, None]).astype(np.float32),
        gaze_of(canonical).astype(np.float32),
        (canonical - bundled_neutral()).astype(np.float16),  # small, so half precision holds 1e-3 cm
    )
