"""Low-lag smoothing of landmarks."""

from __future__ import annotations

import numpy as np

from ..choices import SMOOTHING

DEFAULT_STRENGTH = SMOOTHING
"""More takes away likeness in fast speech and in blinks (`gagavatar evaluate`), less shows jitter."""
PASS_SHARE = 0.6
"""Strength of each of two passes, forward and backward, that smooth as much as one."""
_DERIVATIVE_CUTOFF = 1.0
"""Hz, of the speed's own low-pass (the paper's default)."""
_START_SECONDS = 0.1
"""In which an offset fades: the forward pass has no lag at the start that the backward one could take away."""


class OneEuroFilter:
    """One-Euro filter of many points at once: Casiez et al., "1 € Filter", CHI 2012, algorithm 1.

    The cutoff of each point rises with its speed, measured in face sizes a second, so that the same strength means the
    same in a small and a large picture.
    """

    def __init__(self, fps: float, strength: float = DEFAULT_STRENGTH) -> None:
        """`strength` 0 returns the points as they come, 1 is very smooth."""
        if fps <= 0 or not 0 <= strength <= 1:
            raise ValueError(f"fps must be above 0 and strength in 0..1, but got {fps} and {strength}")
        self._fps = fps
        self._strength = strength
        weakness = 1 / strength - 1 if strength else np.inf
        self._minimum_cutoff = 0.2 + 0.5 * weakness  # Hz
        self._slope = 3 + 17 * weakness  # Hz per face size a second
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next points pass as they are."""
        self._points: np.ndarray | None = None
        self._velocity: np.ndarray | None = None

    def __call__(self, points: np.ndarray, size: float = 1.0) -> np.ndarray:
        """Return the next frame's points [N, C], smoothed; `size` is the face's size in the points' unit."""
        if self._strength == 0:
            return points
        if self._points is None or self._velocity is None:
            self._points, self._velocity = points, np.zeros_like(points)
            return points
        velocity = (points - self._points) * (self._fps / size)
        self._velocity = self._velocity + self._share(_DERIVATIVE_CUTOFF) * (velocity - self._velocity)
        speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)
        share = self._share(self._minimum_cutoff + self._slope * speed)
        self._points = self._points + share * (points - self._points)
        return self._points

    def _share(self, cutoff: np.ndarray | float) -> np.ndarray | float:
        """Weight of the new sample for a low-pass of `cutoff` Hz (eqs. 2 and 4)."""
        return 1 / (1 + self._fps / (2 * np.pi * cutoff))


class BackwardSmoother:
    """The second, backward pass of a filter over what a forward pass has smoothed: it takes the lag away again.

    The first frame stays as it is: others are registered with it (`Registration`), and an offset there would be one of
    the whole sequence. Runs in blocks with some frames of look-ahead, so that memory does not grow with the video.
    """

    _BLOCK, _AHEAD_SECONDS = 64, 1.0

    def __init__(self, fps: float, strength: float) -> None:
        self._filter = OneEuroFilter(fps, strength)
        self._ahead = round(self._AHEAD_SECONDS * fps)
        self._start = _START_SECONDS * fps
        self._waiting: list[tuple[np.ndarray, float]] = []
        self._at_start = True

    def push(self, points: np.ndarray, size: float) -> list[np.ndarray]:
        """Take the next frame's points [N, C] and the face's size; return the frames that are done, in order."""
        self._waiting.append((points, size))
        return self._run(self._BLOCK) if len(self._waiting) >= self._BLOCK + self._ahead else []

    def flush(self) -> list[np.ndarray]:
        """Return all waiting frames: the sequence ends or is interrupted here."""
        done = self._run(len(self._waiting))
        self._at_start = True
        return done

    def _run(self, count: int) -> list[np.ndarray]:
        self._filter.reset()
        smoothed = [self._filter(points, size) for points, size in reversed(self._waiting)][::-1]
        if self._at_start and smoothed:
            offset = self._waiting[0][0] - smoothed[0]
            smoothed = [points + offset * np.exp(-i / self._start) for i, points in enumerate(smoothed)]
            self._at_start = False
        self._waiting = self._waiting[count:]
        return smoothed[:count]
