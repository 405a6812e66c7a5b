"""Nearest points, exactly: the correspondences of the lifting loss."""

from __future__ import annotations

import torch
from torch import Tensor

_PAIRS_AT_ONCE = 1 << 26
"""Distances in memory at a time; 256 MB."""


@torch.no_grad()
def nearest_points(queries: Tensor, points: Tensor) -> Tensor:
    """Index [Q] int64 of the point of `points` [N, 3] nearest to each of `queries` [Q, 3], on their device.

    On a CPU by a k-d tree in float64, elsewhere by all distances, a part of them at a time. These are sums of squared
    differences in float32: |a|^2 + |b|^2 - 2ab would lose the nearest among points that lie closer together than
    its rounding.
    """
    if points.device.type == "cpu":
        return _by_tree(queries, points)
    return by_all_distances(queries, points)


def by_all_distances(queries: Tensor, points: Tensor, pairs_at_once: int = _PAIRS_AT_ONCE) -> Tensor:
    """`nearest_points` in float32 on any device, with at most `pairs_at_once` distances in memory."""
    queries, points = queries.detach().float(), points.detach().float()
    best = queries.new_full((len(queries),), torch.inf)
    index = torch.zeros(len(queries), dtype=torch.long, device=queries.device)
    step = max(1, pairs_at_once // max(1, len(queries)))
    for begin in range(0, len(points), step):
        some = points[begin : begin + step]
        squared = (queries[:, None, 0] - some[:, 0]).square_()
        for axis in (1, 2):
            difference = queries[:, None, axis] - some[:, axis]
            squared.addcmul_(difference, difference)
        least, where = squared.min(dim=1)
        nearer = least < best
        best = torch.where(nearer, least, best)
        index = torch.where(nearer, where + begin, index)
    return index


def _by_tree(queries: Tensor, points: Tensor) -> Tensor:
    from scipy.spatial import cKDTree

    # No balancing: the tree is asked once, and the points of a plane divide well by halving the box.
    tree = cKDTree(points.detach().double().numpy(), balanced_tree=False, compact_nodes=False)
    return torch.from_numpy(tree.query(queries.detach().double().numpy())[1]).long()
