"""Values over a surface that was seen in part: what was seen stays, the rest goes on from it.

Poisson's equation on the graph of the surface's points (Perez et al., Poisson Image Editing, 2003, sections 2 and 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree

_NEAREST = 8
BLACK = 0.1
"""Added to colors before the logarithm: the noise of dark ones is no detail."""

_CHROMA = 0.5  # share of the mirrored side's changes of hue: in its shade they are half noise
_LIGHT_STEPS = 40  # between neighbors: around so many to the power of a half, light is smooth
_HOLD = 4.0  # of what was seen, against a difference between neighbors
_LEAST = 0.3  # trust in a difference from which on it counts whole
_LEAK = 0.03  # of a color between surfaces of two kinds
_PRIOR = 0.02  # weight of where hair grows on heads, against what was seen
_GUESS = 0.05  # weight of a likely color, against a difference between neighbors
_FAINT = 1e-4  # weight of a guess, where there is nothing else
_STEPS, _TOLERANCE = 300, 1e-3


@dataclass(frozen=True)
class Sight:
    """What a view shows of N points."""

    trust: np.ndarray
    """[N] 0..1 how sure it is."""
    colors: np.ndarray
    """[N, 3] 0..1."""
    hair: np.ndarray
    """[N] 0..1 whether it is hair, or what is worn on it, and not skin."""


def mirrored(seen: Sight, twin: Sight) -> np.ndarray:
    """[N] 0..1 how far what is `seen` of points takes the detail of their twins on the other side.

    Where those are not surely seen, or no better, they would only add their own contour.
    """
    share: np.ndarray = np.maximum(2 * twin.trust - 1 - seen.trust, 0)
    return share


@dataclass(frozen=True)
class Surface:
    """Points close to evenly spread, each joined to its neighbors."""

    one: np.ndarray
    """[E] rows of one end of each edge."""
    other: np.ndarray
    """[E] rows of the other end."""
    count: int
    """N, of the points."""

    @staticmethod
    def of(points: np.ndarray, normals: np.ndarray) -> Surface:
        """Return the surface of points [N, 3] with normals [N, 3]."""
        _, nearest = cKDTree(points).query(points, k=_NEAREST + 1)
        one, other = np.repeat(np.arange(len(points)), _NEAREST), nearest[:, 1:].ravel()
        one, other = np.divmod(np.unique(np.minimum(one, other) * len(points) + np.maximum(one, other)), len(points))
        same = (normals[one] * normals[other]).sum(1) > 0
        return Surface(one[same], other[same], len(points))

    def solve(
        self, known: np.ndarray, hold: np.ndarray, joined: np.ndarray, wanted: np.ndarray | float = 0.0
    ) -> np.ndarray:
        """Values [N, C] near `known` [N, C], as `hold` [N] asks, whose differences over edges are near `wanted` [E, C].

        `joined` [E] says how strongly.
        """
        root, edges = np.sqrt(joined), np.arange(len(self.one))
        rows, ends = np.concatenate([edges, edges]), np.concatenate([self.one, self.other])
        shape = (len(edges), self.count)
        difference = coo_matrix((np.concatenate([root, -root]), (rows, ends)), shape).tocsr()
        matrix = difference.T @ difference + diags(hold)
        target = hold[:, None] * known + difference.T @ np.broadcast_to(
            root[:, None] * wanted, (len(edges), known.shape[1])
        )
        scale = diags(1 / matrix.diagonal())
        columns = [
            cg(matrix, target[:, k], known[:, k], rtol=_TOLERANCE, maxiter=_STEPS, M=scale)[0]
            for k in range(known.shape[1])
        ]
        return np.stack(columns, 1)

    def hair(self, seen: Sight, twin: Sight, prior: np.ndarray) -> np.ndarray:
        """[N] 0..1 where hair is: as seen, as mirrored, else as `prior` [N] has it."""
        second = (1 - seen.trust) * twin.trust
        hold = seen.trust + second + _PRIOR
        known = (seen.trust * seen.hair + second * twin.hair + _PRIOR * prior) / hold
        hair = self.solve(known[:, None], hold, np.ones(len(self.one)))[:, 0]
        return np.clip((hair - 0.35) / 0.3, 0, 1)

    def colors(self, seen: Sight, twin: Sight, hair: np.ndarray, guess: np.ndarray, likely: np.ndarray) -> np.ndarray:
        """Return colors [N, 3] 0..1 of the points.

        In the logarithm of the colors, light is carried over without a seam, and detail keeps its contrast in light
        and shade.

        Args:
            seen: what is known of them.
            twin: what differences between neighbors are taken of where `seen` is not sure.
            hair: [N] 0..1, over whose border colors do not spread.
            guess: [N, 3] colors 0..1 of what nothing else is known of.
            likely: [N] 0..1 how far that and its detail count.
        """
        one, other = self.one, self.other
        known, copied, guessed = (np.log(colors + BLACK) for colors in (seen.colors, twin.colors, guess))
        border = (hair[one] > 0.5) != (hair[other] > 0.5)
        copied = copied - self._light(copied, twin.trust, ~border)
        gray = copied.mean(1, keepdims=True)
        copied = gray + _CHROMA * (copied - gray)
        sure = np.minimum(seen.trust[one], seen.trust[other])
        taken = mirrored(seen, twin)
        copy = (1 - sure) * np.minimum(taken[one], taken[other]) * ~border
        made = np.minimum(likely[one], likely[other]) * (1 - sure - copy).clip(0) * ~border
        wanted = sum(
            share[:, None] * (values[one] - values[other])
            for share, values in ((sure, known), (copy, copied), (made, guessed))
        )
        wanted /= np.maximum(sure + copy + made, _LEAST)[:, None]
        joined = np.maximum(1 - (1 - _LEAK) * border, np.clip((sure + copy) / _LEAST, 0, 1))
        hold, weight = _HOLD * seen.trust**2, _GUESS * likely + _FAINT
        values = (hold[:, None] * known + weight[:, None] * guessed) / (hold + weight)[:, None]
        return np.clip(np.exp(self.solve(values, hold + weight, joined, wanted)) - BLACK, 0, 1)

    def _light(self, values: np.ndarray, trust: np.ndarray, same: np.ndarray) -> np.ndarray:
        """[N, 3] what of `values` [N, 3] is light: their mean around each point, over the edges `same` [E]."""
        one, other = self.one[same], self.other[same]
        ends = np.concatenate([one, other]), np.concatenate([other, one])
        near = coo_matrix((np.ones(len(ends[0]), np.float32), ends), (self.count, self.count)).tocsr()
        near = diags(1 / (near.sum(1).A1 + 1)) @ (near + diags(np.ones(self.count)))
        mean = np.column_stack([trust[:, None] * values, trust]).astype(np.float32)
        for _ in range(_LIGHT_STEPS):
            mean = near @ mean
        light: np.ndarray = mean[:, :-1] / np.maximum(mean[:, -1:], 1e-4)
        return light
