"""What a registration by patches leaves of the skin's way: followed pixel by pixel between two views of a face.

Patches are as large as a nostril, and an affine map turns all of them alike. Skin between them stretches and turns by
itself, which a dense flow follows: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import Delaunay

from ..face.topology import (
    EYE_RINGS,
    FACE_OVAL,
    LID_CREASES,
    LOWER_LIDS,
    LOWER_LIP_ROWS,
    MOUTH_CORNERS,
    UPPER_LIDS,
    UPPER_LIP_ROWS,
)
from ..heads.canonical import canonical_face
from .opencv import opencv

_CHANGING = {*FACE_OVAL, *UPPER_LIP_ROWS, *LOWER_LIP_ROWS, *MOUTH_CORNERS}.union(
    *EYE_RINGS, *UPPER_LIDS, *LOWER_LIDS, *LID_CREASES
)
"""Landmarks beside which other things come into sight: no flow tells of them."""
_DOUBT = 0.3
"""Pixels by which the flow errs, standard deviation."""
_FARTHEST = 3.0
"""Pixels of the flow that count."""
_STRIDE, _ITERATIONS = 6, 6
"""Pixels between the flow's patches, and steps of each: more cost twice the time and tell little more."""
_AROUND = 11
"""Pixels of the square in which views are compared."""
UNLIKE = 16.0
"""Gray levels by which a view differs that shows something else than it did,"""
RELIGHT = 0.1
"""and, for another light changes strong contrasts by more, the share of the variance of what it showed."""


class FineAlignment:
    """The first view of a face, and how later ones differ from it."""

    def __init__(self, gray: np.ndarray, points: np.ndarray, covariance: np.ndarray) -> None:
        """Prepare for the first view.

        Args:
            gray: [S, S] uint8.
            points: [N, 2] its landmarks.
            covariance: [N, N] of their errors along one axis, square pixels.
        """
        self._telling = _telling(len(points))
        shared = covariance[np.ix_(self._telling, self._telling)] + _DOUBT**2 * np.eye(len(self._telling))
        self._spread = np.linalg.solve(shared, covariance[self._telling]).T.astype(np.float32)
        low = np.clip(np.floor(points.min(0)), 0, len(gray) - 1).astype(int)
        high = np.clip(np.ceil(points.max(0)), low, len(gray) - 1).astype(int)
        self._gray = np.ascontiguousarray(gray[low[1] : high[1] + 1, low[0] : high[0] + 1])
        self._inside, self._weights = _barycentric(points - low, self._gray.shape)
        self._rows = np.flatnonzero(self._inside)
        self._pixels = np.stack(np.meshgrid(*(np.arange(n) for n in self._gray.shape[::-1])), -1).astype(np.float32)
        self._places = np.ascontiguousarray((points - low)[self._telling, None], np.float32)
        self._usual = UNLIKE**2 + RELIGHT * _mean(np.square(_without_mean(self._gray.astype(np.float32))))
        self._flow = opencv().DISOpticalFlow_create(opencv().DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(0)
        self._flow.setPatchStride(_STRIDE)
        self._flow.setGradientDescentIterations(_ITERATIONS)

    def __call__(self, gray: np.ndarray, points: np.ndarray, shown: np.ndarray) -> np.ndarray:
        """Return by how much [N, 2] the skin lies off the landmarks [N, 2] of another view, in the first one's pixels.

        `shown` [N] says which of them the view shows.
        """
        where = np.full_like(self._pixels, -1)
        where.reshape(-1, 2)[self._rows] = self._weights @ points.astype(np.float32)
        seen = np.where(self._inside, _look(gray, where), self._gray)
        flow = self._flow.calc(self._gray, seen, None)
        change = _without_mean(_look(seen, self._pixels + flow).astype(np.float32) - self._gray)
        alike = 1 / np.square(1 + _mean(np.square(change)) / self._usual)
        off, alike = (_look(image, self._places)[:, 0] for image in (flow, alike))
        off = np.clip(off, -_FARTHEST, _FARTHEST) * (alike * shown[self._telling])[:, None]
        return self._spread @ off


def _telling(count: int) -> np.ndarray:
    """Rows of the first `count` landmarks whose skin a flow follows: what is under the mouth goes the jaw's way.

    That is farther than a flow looks, and over a neck that comes into sight.
    """
    heights = canonical_face().vertices[:count, 1]
    return np.setdiff1d(np.flatnonzero(heights > heights[list(MOUTH_CORNERS)].mean()), list(_CHANGING))


def _barycentric(points: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, csr_matrix]:
    """[H, W] bool which pixels lie among points [N, 2], and [M, N] weights of the points in those."""
    mesh = Delaunay(points)
    pixels = np.stack(np.meshgrid(*(np.arange(n) for n in shape[::-1])), -1).reshape(-1, 2)
    triangle = mesh.find_simplex(pixels)
    inside = triangle >= 0
    maps = mesh.transform[triangle[inside]]
    two = np.einsum("nij,nj->ni", maps[:, :2], pixels[inside] - maps[:, 2])
    weights = np.column_stack([two, 1 - two.sum(1)]).astype(np.float32)
    columns = mesh.simplices[triangle[inside]]
    rows = np.repeat(np.arange(len(columns)), 3)
    return inside.reshape(shape), csr_matrix((weights.ravel(), (rows, columns.ravel())), (len(columns), len(points)))


def _look(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Values [H, W, ...] of an image at `where` [H, W, 2] float32."""
    cv2 = opencv()
    return cv2.remap(image, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _mean(image: np.ndarray) -> np.ndarray:
    return opencv().blur(image, (_AROUND, _AROUND))


def _without_mean(image: np.ndarray) -> np.ndarray:
    """An image [H, W] without its means around each pixel: light changes."""
    return image - _mean(image)
