"""Neighbors are exact: equal to a k-d tree in float64, in parts of any size, far from the origin too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from gagavatar_nodes.training.nearest import by_all_distances, nearest_points


def scene(offset: float = 0.0, seed: int = 0):
    """Vertices of a head and two wavy planes whose points lie a hundredth apart; float32."""
    generator = np.random.default_rng(seed)
    ramp = np.linspace(-0.8, 0.8, 120)
    x, y = np.meshgrid(ramp, ramp)
    z = 0.5 + 0.1 * generator.standard_normal((2, *x.shape))
    planes = np.concatenate([np.stack([x, y, z[0]], -1).reshape(-1, 3), np.stack([x, y, -z[1]], -1).reshape(-1, 3)])
    vertices = generator.standard_normal((1500, 3))
    vertices *= np.array([0.45, 0.62, 0.5]) / np.linalg.norm(vertices, axis=1, keepdims=True)
    return [torch.from_numpy((points + offset).astype(np.float32)) for points in (vertices, planes)]


@pytest.mark.parametrize("search", [nearest_points, by_all_distances])
@pytest.mark.parametrize("offset", [0.0, 10.0])
def test_neighbors_are_those_of_a_tree(search, offset):
    vertices, planes = scene(offset)
    distance, index = cKDTree(planes.double().numpy()).query(vertices.double().numpy())
    found = search(vertices, planes)
    got = (planes[found].double() - vertices.double()).norm(dim=1).numpy()
    # Another point is right only where two are equally near, up to the rounding of a float32 difference.
    assert (found.numpy() != index).mean() < 1e-3
    np.testing.assert_allclose(got, distance, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("pairs_at_once", [1, 7 * 1500, 10**9])
def test_parts_of_any_size_give_the_same(pairs_at_once):
    vertices, planes = scene()
    some = planes[::17]
    assert torch.equal(by_all_distances(vertices, some, pairs_at_once), by_all_distances(vertices, some))


def test_the_first_of_equal_points_is_taken_across_parts():
    points = torch.tensor([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    assert by_all_distances(torch.zeros(1, 3), points, pairs_at_once=2).tolist() == [0]
