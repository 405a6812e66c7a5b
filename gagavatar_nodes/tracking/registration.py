"""Landmarks that stay on the skin: the face's texture is registered with its first view.

The landmark model knows where features are to a pixel or two of its input and guesses along smooth skin, so that its
points slide over a moving face. Between two views of one person the texture tells how the skin moved. It is followed by
an inverse compositional alignment (Baker and Matthews, "Lucas-Kanade 20 Years On", IJCV 2004, section 3.2) of small
patches that an elastic mesh ties to each other and to what the model says, and then by a dense flow (`fine_alignment`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..face.topology import EYE_RINGS, INNER_LIPS, IRISES, LOWER_LIP_ROWS, MOUTH_CORNERS, UPPER_LIP_ROWS
from ..heads.canonical import canonical_face
from .fine_alignment import RELIGHT, UNLIKE, FineAlignment
from .opencv import opencv

_SKIN = 468
_NODES = 240
"""Patches: landmarks spread evenly over the skin."""
_REACH = 5
"""Pixels of the view from a patch's middle to its edge."""
_STEPS = ((1, 2), (0, 3))
"""Levels of the pyramid, coarse first, and the iterations on each."""
_NOISE = 3.0
"""Gray levels by which a patch's pixels differ from view to view."""
_DOUBT = 1.0
"""Pixels by which the landmark model errs, standard deviation."""
_LIPS_DOUBT = 0.4
"""On the lips, where it looks closer, and where the texture changes as a mouth opens."""
_STRETCH = 0.5
"""Pixels by which the errors of neighboring landmarks differ."""
_FARTHEST = 6.0
"""Pixels by which a landmark is moved at most."""
_SAME_SKIN = 0.6
"""Correlation of the patches, after they are aligned, from which a view of the same person shows enough of the same."""


@dataclass(frozen=True)
class FaceView:
    """A face as the landmark model saw it."""

    gray: np.ndarray
    """[S, S] uint8."""
    to_picture: np.ndarray
    """[2, 3] similarity from the view's pixels to the picture's."""
    picture: tuple[int, int]
    """Width and height of the picture; beyond it the view repeats its edge."""

    def shows(self, points: np.ndarray) -> np.ndarray:
        """[N] whether points [N, 2] of the view, with a patch around them, lie inside of the picture."""
        placed = points @ self.to_picture[:, :2].T + self.to_picture[:, 2]
        margin = _REACH * np.linalg.norm(self.to_picture[:, 0])
        return ((placed > margin) & (placed < np.array(self.picture) - 1 - margin)).all(1)

    def locate(self, points: np.ndarray) -> np.ndarray:
        """[N, 2] float32 pixels of the view of points [N, 2] of the picture."""
        inverse = np.linalg.inv(self.to_picture[:, :2])
        return ((points - self.to_picture[:, 2]) @ inverse.T).astype(np.float32)


class Registration:
    """The first view of a face, and where its skin is in later ones."""

    def __init__(self, view: FaceView, points: np.ndarray) -> None:
        """`points` [478, 3] are the landmarks of `view` in picture pixels."""
        nodes, kernel = _mesh()
        self._points = view.locate(points[:_SKIN, :2])
        first = self._points[nodes].astype(np.float64)
        self._affine = np.linalg.pinv(first - first.mean(0))
        self._levels = {}
        shown = view.shows(self._points[nodes])
        for level, _ in _STEPS:
            image = _shrink(view.gray, level)
            slopes = [opencv().Scharr(image, opencv().CV_32F, *axis) / 32 for axis in ((1, 0), (0, 1))]
            offsets = _offsets().astype(np.float32)
            middles = _on_level(self._points[nodes], level)
            template = _centered(_patches(image, middles, offsets))
            slopes = [_centered(_patches(slope, middles, offsets)) * 0.5**level for slope in slopes]
            slopes = [slope * shown[:, None] for slope in slopes]
            hessian = _hessian(slopes)
            response = np.linalg.inv(np.eye(2 * len(nodes)) + _block_diagonal(hessian) @ kernel)
            response, motion = response.astype(np.float32), (kernel @ response).astype(np.float32)
            usual = UNLIKE**2 + RELIGHT * np.square(template).mean(1)
            self._levels[level] = template, slopes, hessian.astype(np.float32), response, motion, usual
        self._fine = FineAlignment(view.gray, self._points, _covariance())

    def __call__(self, view: FaceView, points: np.ndarray) -> np.ndarray:
        """Return landmarks [478, 3] of another view, on the skin that they were on in the first one."""
        shift, turn, _ = self._align(view, points)
        to_picture = view.to_picture[:, :2] @ turn
        aligned = points[:_SKIN, :2] + shift @ to_picture.T
        placed = view.locate(aligned)
        shift = aligned + self._fine(view.gray, placed, view.shows(placed)) @ to_picture.T - points[:_SKIN, :2]
        registered = points.copy()
        registered[:_SKIN, :2] += shift
        for ring, iris in zip(EYE_RINGS, IRISES, strict=True):
            registered[iris, :2] += shift[list(ring)].mean(0)
        return registered

    def knows(self, view: FaceView, points: np.ndarray) -> bool:
        """Whether a view of the same person, with landmarks [478, 3], looks like the first one, as after a jump cut."""
        *_, likeness = self._align(view, points)
        return likeness > _SAME_SKIN

    def _align(self, view: FaceView, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Align the patches.

        Returns:
            Pixels [468, 2] of the first view by which landmarks are moved, the matrix [2, 2] that takes these to the
            view's, and how like the first one the view is then.
        """
        nodes, _ = _mesh()
        start = view.locate(points[:_SKIN, :2])
        turn = (self._affine @ start[nodes]).T.astype(np.float32)  # of the affine map that takes one view to the other
        shown = view.shows(start[nodes])
        moved = np.zeros((len(nodes), 2), np.float32)
        for level, iterations in _STEPS:
            template, slopes, hessian, response, motion, usual = self._levels[level]
            image = _shrink(view.gray, level)
            offsets = (_offsets() @ turn.T).astype(np.float32)
            for _ in range(iterations):
                seen = _patches(image, _on_level(start[nodes] + moved @ turn.T, level), offsets)
                error = template - _centered(seen)
                unlike = np.einsum("kp,kp->k", error, error) / error.shape[1]
                alike = shown / np.square(1 + unlike / usual)
                pull = np.stack([np.einsum("kp,kp->k", slope, error) for slope in slopes], 1)
                pull *= (alike / _NOISE**2)[:, None]
                wanted = ((hessian * moved[:, None]).sum(-1) + pull).ravel()
                moved = np.clip((motion @ wanted).reshape(-1, 2), -_FARTHEST, _FARTHEST)
        spread = np.clip(_spread() @ (response @ wanted).reshape(-1, 2), -_FARTHEST, _FARTHEST)
        return spread, turn, _correlation(template, template - error)


@cache
def _mesh() -> tuple[np.ndarray, np.ndarray]:
    """Landmarks [K] with patches, and the covariance [2 K, 2 K] of their errors."""
    nodes = _spread_evenly(_NODES)
    return nodes, np.kron(_covariance()[np.ix_(nodes, nodes)], np.eye(2)).astype(np.float32)


@cache
def _spread() -> np.ndarray:
    """[468, K] float32 covariances of all landmarks with those that have patches."""
    return _covariance()[:, _spread_evenly(_NODES)].astype(np.float32)


@cache
def _covariance() -> np.ndarray:
    """[468, 468] of the landmarks' errors along one axis, square pixels: a membrane of the face's triangles."""
    triangles = canonical_face().triangles
    stiffness = np.zeros((_SKIN, _SKIN))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        stiffness[triangles[:, a], triangles[:, b]] = stiffness[triangles[:, b], triangles[:, a]] = -1
    stiffness[np.diag_indices(_SKIN)] = -stiffness.sum(1)
    doubt = np.full(_SKIN, _DOUBT)
    doubt[[*UPPER_LIP_ROWS, *LOWER_LIP_ROWS, *MOUTH_CORNERS]] = _LIPS_DOUBT
    return np.linalg.inv(np.diag(doubt**-2) + stiffness / _STRETCH**2)


@cache
def _spread_evenly(count: int) -> np.ndarray:
    """Landmarks [count] far from each other, none of them where lids and lips hide and show what lies behind."""
    kept = np.setdiff1d(np.arange(_SKIN), [*INNER_LIPS, *EYE_RINGS[0], *EYE_RINGS[1]])
    vertices = canonical_face().vertices[kept]
    chosen, distance = [0], np.full(len(kept), np.inf)
    for _ in range(count - 1):
        distance = np.minimum(distance, np.linalg.norm(vertices - vertices[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(distance)))
    return np.sort(kept[chosen])


@cache
def _offsets() -> np.ndarray:
    """[P, 2] pixels of a patch from its middle."""
    line = np.arange(-_REACH, _REACH + 1)
    return np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)


def _patches(image: np.ndarray, middles: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """[K, P] float32 values of an image around `middles` [K, 2]."""
    cv2 = opencv()
    x, y = (middles[:, axis : axis + 1] + offsets[:, axis] for axis in (0, 1))
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _centered(patches: np.ndarray) -> np.ndarray:
    """Patches [K, P] without their means: light changes."""
    return patches - patches.mean(1, keepdims=True)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Of centered patches [K, P]."""
    return float((one * other).sum() / max(np.sqrt(np.square(one).sum() * np.square(other).sum()), 1e-6))


def _shrink(gray: np.ndarray, level: int) -> np.ndarray:
    for _ in range(level):
        gray = opencv().pyrDown(gray)
    return gray.astype(np.float32)


def _on_level(points: np.ndarray, level: int) -> np.ndarray:
    """Points [N, 2] float32 on a level of the pyramid, whose pixels are centered on every second one."""
    return (points * 0.5**level).astype(np.float32)


def _hessian(slopes: list[np.ndarray]) -> np.ndarray:
    """[K, 2, 2] what patches tell of their place: products of their slopes, two of [K, P]."""
    return np.array([[(one * other).sum(1) for other in slopes] for one in slopes]).transpose(2, 0, 1) / _NOISE**2


def _block_diagonal(blocks: np.ndarray) -> np.ndarray:
    """[2 K, 2 K] of blocks [K, 2, 2]."""
    count = len(blocks)
    matrix = np.zeros((count, 2, count, 2))
    rows = np.arange(count)
    matrix[rows, :, rows] = blocks
    return matrix.reshape(2 * count, 2 * count)
