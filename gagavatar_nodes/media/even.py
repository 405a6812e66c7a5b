"""Even sizes: H.264 and most other codecs have no others, and what is a picture now is a video's frame later."""

from __future__ import annotations

import numpy as np


def even_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape (H, W, ...) whose height and width are even, at most one pixel larger."""
    return (shape[0] + shape[0] % 2, shape[1] + shape[1] % 2, *shape[2:])


def pad_to_even(picture: np.ndarray) -> np.ndarray:
    """Return a picture [H, W, ...] in its `even_shape`: the last row or column of an odd edge is repeated."""
    below, right = picture.shape[0] % 2, picture.shape[1] % 2
    if not (below or right):
        return picture
    return np.pad(picture, ((0, below), (0, right), *([(0, 0)] * (picture.ndim - 2))), mode="edge")
