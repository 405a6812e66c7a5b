"""The blending matrix draws what the rasterizer draws."""

from __future__ import annotations

import numpy as np

from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.rendering.blending import blending_matrix
from gagavatar_nodes.types import Camera, Gaussians


def test_the_matrix_times_the_features_is_the_picture():
    random = np.random.default_rng(0)
    count, width, height = 400, 72, 56
    rows, columns = np.triu_indices(3)
    axes = random.normal(0, 0.03, (count, 3, 3))
    covariances = (axes @ axes.transpose(0, 2, 1))[:, rows, columns] + np.array([1, 0, 0, 1, 0, 1]) * 1e-4
    gaussians = Gaussians(
        *(
            array.astype(np.float32)
            for array in (
                random.uniform(-0.9, 0.9, (count, 3)),
                covariances,
                random.uniform(0.05, 1, count),
                random.uniform(0, 1, (count, 3)),
            )
        )
    )
    camera = Camera.frontal(10.0)
    drawn, alpha = rasterize(gaussians, camera, width, height)
    matrix = blending_matrix(gaussians, camera, width, height)
    assert alpha.max() > 0.9
    assert np.abs((matrix @ gaussians.features).reshape(height, width, 3) - drawn).max() < 0.02
    assert np.abs(matrix.sum(1).A1.reshape(height, width) - alpha).mean() < 1e-3
