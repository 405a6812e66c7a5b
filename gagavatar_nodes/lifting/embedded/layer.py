"""A layer of the avatar before it becomes Gaussians: points on the head with what moves and shapes them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ...rendering.covariance import upper_triangles
from .binding import Binding


@dataclass(frozen=True)
class Layer:
    """N splats of one kind.

    A lattice layer takes each splat's shape from its neighbors' positions, so it follows every stretch and turn of the
    surface. The splats of other layers are discs with a fixed shape that turn with the head.
    """

    points: np.ndarray
    """[N, 3] canonical, centimeters, in the source's expression."""
    binding: Binding
    head: np.ndarray
    """[N] 0..1 how much the splat moves with the head; the rest stays with the torso."""
    colors: np.ndarray
    """[N, 3] RGB 0..1."""
    opacities: np.ndarray
    """[N] 0..1."""
    covariances: np.ndarray
    """[N, 6] canonical, square centimeters; only what is added to the neighbors' share in a lattice layer."""
    neighbors: np.ndarray
    """[N, 4] rows of the left, right, upper and lower neighbor; a splat's own row where there is none."""

    def __len__(self) -> int:
        return len(self.points)

    @property
    def lattice(self) -> int:
        """Number of splats up to the last that has neighbors: lattices come first, what follows are discs."""
        linked = (self.neighbors != np.arange(len(self))[:, None]).any(1)
        return int(np.flatnonzero(linked).max(initial=-1)) + 1

    @staticmethod
    def stack(layers: list[Layer]) -> Layer:
        """One layer of several in a row."""
        start = np.cumsum([0] + [len(layer) for layer in layers[:-1]])
        values = {
            f.name: np.concatenate([getattr(layer, f.name) for layer in layers])
            for f in fields(Layer)
            if f.name not in ("binding", "neighbors")
        }
        neighbors = np.concatenate([layer.neighbors + s for layer, s in zip(layers, start, strict=True)])
        return Layer(binding=Binding.concatenate([layer.binding for layer in layers]), neighbors=neighbors, **values)


def discs(
    points: np.ndarray,
    binding: Binding,
    colors: np.ndarray,
    opacities: np.ndarray | float,
    sigma: np.ndarray | float,
    normals: np.ndarray | None = None,
    head: np.ndarray | None = None,
    flatness: float = 0.2,
    along: np.ndarray | None = None,
) -> Layer:
    """Return a layer of discs of radius `sigma` centimeters facing along `normals` [N, 3]; balls without normals.

    Where they lie on strands, the length of `along` [N, 3] is how much longer than wide the discs are that way.
    """
    count = len(points)
    variance = np.broadcast_to(np.square(sigma), (count,))[:, None, None]
    across = variance
    matrix = variance * np.eye(3)
    if along is not None:  # of the same area
        longer = np.linalg.norm(along, axis=1)[:, None, None]
        across = variance / longer
        matrix = across * np.eye(3) + (variance - across / longer) / longer * along[:, :, None] * along[:, None, :]
    if normals is not None:
        matrix = matrix - (across - flatness**2 * variance) * normals[:, :, None] * normals[:, None, :]
    return Layer(
        points=points.astype(np.float32),
        binding=binding,
        head=np.ones(count, np.float32) if head is None else head.astype(np.float32),
        colors=colors.astype(np.float32),
        opacities=np.broadcast_to(np.asarray(opacities, np.float32), (count,)).copy(),
        covariances=upper_triangles(matrix).astype(np.float32),
        neighbors=np.repeat(np.arange(count, dtype=np.int32)[:, None], 4, axis=1),
    )
