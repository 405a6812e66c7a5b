"""Strands of hair that a portrait does not show: locks of light and dark, as strong as in the hair that it shows.

White noise, smeared along the strands (Cabral and Leedom, Imaging Vector Fields Using Line Integral Convolution, 1993),
here over the points of the head. Where strands are seen they go on as they run there, elsewhere away from the crown.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from ...types import Portrait
from .completion import BLACK
from .pixels import whole_pixels
from .regions import Regions
from .stage import Stage

_LEAST = 0.02  # hair that is seen
_LONGER = 4.0  # than wide is a splat of it
_CROWN = 0.7, 0.35  # shares of the head's height above its middle and of its depth behind it
_SEEN_AT_LEAST = 0.3  # cosine to the camera from which on a strand's way is seen
_TURNS_CM, _SAMPLES, _NEAREST = 3.0, 400, 20  # how far seen strands tell the way of others
_CROWNS = 0.05  # weight of the way from the crown, against that of coherent strands
_ROUNDS = 6  # of the power method
_FINE_CM, _LOCK_CM, _FORM_CM = 0.06, 0.2, 0.6  # standard deviations: finer none can hold, of locks, of what is form
_CONTRAST = (0.06, 0.4)  # least and most of the logarithms' deviations
_PLAIN = 0.12  # where too little hair is seen
_FEW = 500  # pixels
_NEIGHBORS, _ACROSS = 18, 0.3  # of a point, and distances between them over which it is smeared across strands
_STEPS = (5, 40)  # rounds of smearing, of strands and of locks
_VIVID = 1.5  # how much stronger they are, for splats blur them
_USUAL = 2.0  # deviations beyond which nothing is darker or lighter
_RISE_CM = (0.06, 0.08)  # of light strands and locks over dark ones, a deviation


@dataclass(frozen=True)
class Strands:
    """What strands do to N points of a head."""

    hair: np.ndarray
    """[N] 0..1 how much of them there is."""
    along: np.ndarray
    """[N, 3] unit vectors along the strands, on the surface; any where there is no hair."""
    light: np.ndarray
    """[N] logarithms: how much lighter they are than hair is around them."""
    rise: np.ndarray
    """[N] centimeters that their locks stand out of the surface, or lie in it."""

    @staticmethod
    def over(
        points: np.ndarray, normals: np.ndarray, hair: np.ndarray, portrait: Portrait, stage: Stage, regions: Regions
    ) -> Strands:
        """Return the strands at canonical points [N, 3], about evenly spread, with unit normals [N, 3].

        There is `hair` [N] 0..1 on them that the portrait does not show.
        """
        along, light, rise = np.tile([1.0, 0.0, 0.0], (len(points), 1)), np.zeros(len(points)), np.zeros(len(points))
        rows = np.flatnonzero(hair > _LEAST)
        if len(rows) > _NEIGHBORS:
            gray = np.log(portrait.crop / np.float32(255) + BLACK).mean(2)
            seen = regions.hair * (1 - np.maximum(regions.face, regions.skin))
            along[rows] = _directions(points[rows], normals[rows], stage, gray, seen)
            fine, locks = _contrast(gray, seen > 0.5, stage.scale)
            fields = _noise(points[rows], normals[rows], along[rows])
            light[rows] = hair[rows] * (_VIVID * fine * fields[0] + locks * fields[1])
            rise[rows] = hair[rows] * np.dot(_RISE_CM, fields)
        return Strands(hair, along, light, rise)

    @property
    def stretch(self) -> np.ndarray:
        """[N, 3] along the strands, by how much longer splats of them are than wide."""
        longer: np.ndarray = (1 + self.hair * (_LONGER - 1))[:, None] * self.along
        return longer

    def shade(self, colors: np.ndarray) -> np.ndarray:
        """Return colors [N, 3] 0..1 of the points in the strands' light."""
        return np.clip(np.exp(np.log(colors + BLACK) + self.light[:, None]) - BLACK, 0, 1)


def _directions(
    points: np.ndarray, normals: np.ndarray, stage: Stage, gray: np.ndarray, hair: np.ndarray
) -> np.ndarray:
    """[N, 3] see `Strands.along`; `gray` [S, S] is the portrait, `hair` [S, S] 0..1 where it shows hair."""
    low, high = points.min(0), points.max(0)
    middle, half = (low + high) / 2, (high - low) / 2
    crown = middle + half * [0, _CROWN[0], -_CROWN[1]]
    along = _unit(_tangent(points - crown, normals))

    angle, coherence = _orientation(gray, _LOCK_CM * stage.scale)
    facing = normals @ stage.rotation[2]
    staged = stage.project(stage.from_canonical(points))[:, :2]
    column, row = whole_pixels(staged, len(gray))
    much = coherence[row, column] * hair[row, column] * (facing > _SEEN_AT_LEAST)
    seen = np.flatnonzero(much > 0.1)
    seen = seen[:: max(1, len(seen) // _SAMPLES)]
    if len(seen) < _NEAREST:
        return along
    x, y = np.cos(angle[row, column][seen]), -np.sin(angle[row, column][seen])
    normal = normals[seen] @ stage.rotation.T
    z = -(normal[:, 0] * x + normal[:, 1] * y) / normal[:, 2]
    strands = _unit(np.stack([x, y, z], 1) @ stage.rotation)
    distance, nearest = cKDTree(points[seen]).query(points, k=_NEAREST)
    share = much[seen][nearest] * np.exp(-((distance / _TURNS_CM) ** 2)) / _NEAREST
    tensors = np.einsum("nk,nkij->nij", share, (strands[:, :, None] * strands[:, None])[nearest])
    tensors += _CROWNS * along[:, :, None] * along[:, None]
    for _ in range(_ROUNDS):
        along = _unit(_tangent(np.einsum("nij,nj->ni", tensors, along), normals))
    return along


def _orientation(gray: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the angle [S, S] along which a picture [S, S] changes least, x right and y down, and 0..1 how surely."""
    even = cv2.GaussianBlur(gray, (0, 0), sigma / 3)
    dx, dy = cv2.Sobel(even, cv2.CV_32F, 1, 0), cv2.Sobel(even, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), sigma) for product in (dx * dx, dy * dy, dx * dy))
    across = 0.5 * np.arctan2(2 * xy, xx - yy)
    coherence = np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, 1e-9)
    return across + np.pi / 2, coherence


def _contrast(gray: np.ndarray, hair: np.ndarray, scale: float) -> tuple[float, float]:
    """Deviations of the light of strands and of locks in the `hair` [S, S] bool of a picture [S, S]."""
    if hair.sum() < _FEW:
        return _PLAIN, _PLAIN
    share = hair.astype(np.float32)
    levels = []
    for sigma in (_FINE_CM, _LOCK_CM, _FORM_CM):
        weight = np.maximum(cv2.GaussianBlur(share, (0, 0), sigma * scale), 1e-3)
        levels.append(cv2.GaussianBlur(gray * share, (0, 0), sigma * scale) / weight)
    low, high = _CONTRAST
    fine, locks = (1.48 * np.median(np.abs(a - b)[hair]) for a, b in pairwise(levels))
    return float(np.clip(fine, low, high)), float(np.clip(locks, low, high))


def _noise(points: np.ndarray, normals: np.ndarray, along: np.ndarray) -> list[np.ndarray]:
    """[N] of deviation one, for strands and for locks."""
    smear = _smearing(points, normals, along)
    noise = np.random.default_rng(0).standard_normal(len(points)).astype(np.float32)
    fields = []
    for step in range(1, _STEPS[-1] + 1):
        noise = smear @ noise
        if step in _STEPS:
            fields.append(np.clip(noise / max(float(noise.std()), 1e-9), -_USUAL, _USUAL))
    return fields


def _smearing(points: np.ndarray, normals: np.ndarray, along: np.ndarray) -> csr_matrix:
    """[N, N] means over the points near each, on its strand and hardly beside it."""
    distance, nearest = cKDTree(points).query(points, k=_NEIGHBORS)
    spacing = distance[:, 1:5].mean(1)
    way = points[nearest] - points[:, None]
    ahead = np.einsum("nkc,nc->nk", way, along)
    across = np.sqrt(np.maximum((way**2).sum(2) - ahead**2, 0)) / spacing[:, None]
    same = np.einsum("nkc,nc->nk", normals[nearest], normals) > 0
    weight = np.exp(-0.5 * (across / _ACROSS) ** 2) * same
    weight = (weight / weight.sum(1, keepdims=True)).astype(np.float32)
    rows = np.repeat(np.arange(len(points)), _NEIGHBORS)
    return csr_matrix((weight.ravel(), (rows, nearest.ravel())), (len(points),) * 2)


def _tangent(vectors: np.ndarray, normals: np.ndarray) -> np.ndarray:
    return vectors - (vectors * normals).sum(1, keepdims=True) * normals


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
