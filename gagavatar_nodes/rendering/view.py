"""What a rasterizer backend looks through: a camera in pixels, and what lies behind the Gaussians."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Array, Camera

MAX_SIZE = 32768
"""Longest edge of an image in pixels."""


@dataclass(frozen=True)
class View:
    """A pinhole view of an image whose principal point is its middle."""

    transform: np.ndarray
    """[3, 4] float64 world-to-view `[R | t]` for column vectors, `p_view = R @ p + t`: x right, y down, z away. Rows
    lie one after another in memory, as kernels read them."""
    focal: float
    """Pixels, both ways."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    background: Array | None = None
    """[C] or [height, width, C] to lay the features over; None for black."""

    @staticmethod
    def of(camera: Camera, width: int, height: int, background: Array | None = None) -> View:
        """Return the view of a camera in an image of `width` by `height` pixels.

        Raises:
            ValueError: the size is out of range, or the camera holds something else than [3, 4] finite numbers.
        """
        if not (1 <= width <= MAX_SIZE and 1 <= height <= MAX_SIZE):
            raise ValueError(f"Image size must be 1 to {MAX_SIZE} pixels a side, got {width}x{height}")
        transform = np.asarray(camera.transform, np.float64)
        if transform.shape != (3, 4) or not np.isfinite(transform).all():
            raise ValueError(
                f"Got a camera transform of shape {transform.shape} but expected finite numbers of shape (3, 4)"
            )
        flip = np.array([[-1.0], [-1.0], [1.0]])
        columns = np.ascontiguousarray(np.concatenate([transform[:, :3].T, transform[:, 3:]], 1) * flip)
        return View(columns, camera.focal * width / 2, width, height, background)
