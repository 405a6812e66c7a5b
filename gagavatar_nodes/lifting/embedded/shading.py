"""The colors that skin likely has where it was not seen well: those of the seen skin that faces the same way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .completion import BLACK

_ROUNDS, _FAR = 4, 2.0  # of the fit, and spreads beyond which a color hardly counts in it
_NORMAL = np.diag([0.0, 1.0, 1.0, 1.0])  # keeps the light even where normals tell nothing
_FEW = 100  # points
_GRAIN = 0.08  # least spread of the colors of skin
_UNLIKE = (1.5, 3.0)  # spreads from which on, and at which surely, a color is none of skin
_RANGE = (10, 85)  # percentiles of the seen colors: nothing is lighter or darker
_ASIDE = 0.4  # cosine to the camera: what faces farther aside was not seen, and is no darker


@dataclass(frozen=True)
class Shading:
    """Logarithms of the skin's colors as a linear function of its normals: the first order of spherical harmonics.

    Normals are the stage's: z toward the camera.
    """

    light: np.ndarray
    """[4, 3] of 1 and the normal's coordinates."""
    low: np.ndarray
    high: np.ndarray
    """[3] of the logarithms."""
    spread: float
    """Median distance of the seen colors from it."""

    @staticmethod
    def of(normals: np.ndarray, colors: np.ndarray, trust: np.ndarray) -> Shading:
        """Fit what is seen of skin: colors [N, 3] 0..1 at normals [N, 3], as far as `trust` [N] 0..1 counts."""
        seen = trust > 0.5
        if seen.sum() < _FEW:
            seen = trust >= np.sort(trust)[-min(_FEW, len(trust))]
        basis, values, weight = _basis(normals[seen]), np.log(colors[seen] + BLACK), trust[seen] + 1e-6
        near = weight
        for _ in range(_ROUNDS):
            weighted = basis * near[:, None]
            light = np.linalg.solve(basis.T @ weighted + 1e-2 * near.sum() * _NORMAL, weighted.T @ values)
            far = np.linalg.norm(values - basis @ light, axis=1)
            spread = max(float(np.median(far)), _GRAIN)
            near = weight / (1 + (far / (_FAR * spread)) ** 2) ** 2
        low, high = np.percentile(values, _RANGE, axis=0)
        return Shading(light, low, high, spread)

    def colors(self, normals: np.ndarray) -> np.ndarray:
        """Likely colors [N, 3] of skin with normals [N, 3]."""
        return np.exp(np.clip(_basis(normals) @ self.light, self.low, self.high)) - BLACK

    def likeness(self, normals: np.ndarray, colors: np.ndarray) -> np.ndarray:
        """[N] 0..1 how far colors [N, 3] may be those of skin with normals [N, 3]."""
        far = np.linalg.norm(np.log(colors + BLACK) - np.log(self.colors(normals) + BLACK), axis=1)
        low, high = _UNLIKE
        return np.clip((high - far / self.spread) / (high - low), 0, 1)


def _basis(normals: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(normals)), normals[:, :2], np.maximum(normals[:, 2], _ASIDE)])
