"""Where the front layer's lattice is too coarse for the matte: strands of hair, and the outline."""

from __future__ import annotations

import cv2
import numpy as np

from ...types import Portrait
from .lattice import Lattice

_FINEST = 1.7  # pixels of room from which a lattice line is halved
_MOST = 9000  # splats that are added
_SEEN = 0.02**2  # square of an error of alpha that is not worth a splat


def fine_nodes(portrait: Portrait, lattice: Lattice) -> list[tuple[Lattice, np.ndarray]]:
    """Return the lattice, and one of half its cells' size, each with which of its nodes are used, [m * n] bool.

    The fine one replaces the nodes that would blur the matte, those first that blur it most.
    """
    replaced = _blurring(portrait.alpha, lattice)
    fine, column, row = lattice.halved(_FINEST)
    return [(lattice, ~replaced), (fine, replaced.reshape(len(lattice.y), -1)[row[:, None], column].ravel())]


def _blurring(alpha: np.ndarray, lattice: Lattice) -> np.ndarray:
    cells = lattice.cells
    step = float(np.median(cells))
    lost = cv2.GaussianBlur((alpha - cv2.GaussianBlur(alpha, (0, 0), step / 2)) ** 2, (0, 0), step)
    parts = np.where(cells > _FINEST, 2, 1).prod(-1).ravel()
    error = np.where(parts > 1, lattice.sample(lost), 0)
    worst = np.argsort(-error, kind="stable")
    worst = worst[(error[worst] > _SEEN) & (np.cumsum(parts[worst] - 1) < _MOST)]
    chosen = np.zeros(error.shape, bool)
    chosen[worst] = True
    return chosen
