"""Where the front layer's lattice is too coarse: for the matte's outline and strands, and for detail of the face."""

from __future__ import annotations

import cv2
import numpy as np

from ...face.topology import FACE_OVAL
from ...types import Portrait
from .lattice import Lattice, openings
from .pixels import polygon
from .posing import SIGMA

_FINEST = 1.7  # pixels of room from which a lattice line is halved
_MOST, _MOST_DETAIL = 9000, 14_000  # splats that are added
_SEEN = 0.02**2  # square of an error of alpha, or of color, that is not worth a splat
_COARSE = 1.2  # square pixels of a cell from which pixels are finer
_TOGETHER = 2.0  # pixels over which errors are looked at as one: fine splats among coarse ones would be specks
_PIXEL = 0.3  # variance, square pixels, that drawing adds to each splat
_SHARPENED = 6  # times a blur is undone about as far as colors that are solved for undo it


def fine_nodes(portrait: Portrait, lattice: Lattice) -> list[tuple[Lattice, np.ndarray]]:
    """Return the lattice and two finer ones, each with which of its nodes are used, [m * n] bool.

    One of half its cells' size replaces the nodes that would blur the matte, one of the crop's pixels those that would
    blur the face; those first that blur most.
    """
    blurring = _blurring(portrait.alpha, lattice)
    halved, column, row = lattice.halved(_FINEST)
    pixels, cell = lattice.pixels(portrait.size)
    blunt = ~blurring & _blunt(portrait, lattice, cell)
    return [
        (lattice, ~(blurring | blunt)),
        (halved, blurring.reshape(len(lattice.y), -1)[row[:, None], column].ravel()),
        (pixels, blunt[cell]),
    ]


def _blurring(alpha: np.ndarray, lattice: Lattice) -> np.ndarray:
    cells = lattice.cells
    step = float(np.median(cells))
    lost = cv2.GaussianBlur((alpha - cv2.GaussianBlur(alpha, (0, 0), step / 2)) ** 2, (0, 0), step)
    parts = np.where(cells > _FINEST, 2, 1).prod(-1).ravel()
    return _worst(np.where(parts > 1, lattice.sample(lost), 0), parts, _MOST)


def _blunt(portrait: Portrait, lattice: Lattice, cell: np.ndarray) -> np.ndarray:
    """[m * n] bool: nodes of the face whose pixels, those of `cell` [S * S], differ too finely for its splats."""
    # Opaque: elsewhere it is the matte that splats are needed for.
    face = (polygon(portrait.landmarks[list(FACE_OVAL), :2], portrait.size) > 0.5) & (portrait.alpha > 0.99)
    face &= openings(portrait) < 0.02
    areas = lattice.cells.prod(-1).ravel()
    inside = (lattice.sample(face) > 0.5) & (areas > _COARSE)
    if not inside.any():
        return inside
    lost = portrait.crop / np.float32(255)
    for _ in range(_SHARPENED):
        lost -= cv2.GaussianBlur(lost, (0, 0), float(np.sqrt(SIGMA**2 * np.median(areas[inside]) + _PIXEL)))
    error = cv2.GaussianBlur(np.where(face, (lost**2).sum(-1), 0), (0, 0), _TOGETHER)
    parts = np.bincount(cell, minlength=len(areas))
    mean = np.bincount(cell, error.ravel(), len(areas)) / np.maximum(parts, 1)
    return _worst(np.where(inside, mean, 0), parts, _MOST_DETAIL)


def _worst(error: np.ndarray, parts: np.ndarray, most: int) -> np.ndarray:
    """[N] bool: nodes of the greatest errors [N] whose `parts` [N] are together at most `most` splats more."""
    worst = np.argsort(-error, kind="stable")
    worst = worst[(error[worst] > _SEEN) & (np.cumsum(parts[worst] - 1) < most)]
    chosen = np.zeros(error.shape, bool)
    chosen[worst] = True
    return chosen
