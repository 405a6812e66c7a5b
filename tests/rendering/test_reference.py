from dataclasses import replace

import numpy as np
import torch

from gagavatar_nodes.rendering import rasterize, reference
from gagavatar_nodes.rendering.view import View
from gagavatar_nodes.types import Gaussians
from scenes import CAMERA, scene


def test_gradients_are_those_of_the_image():
    g = scene(12, channels=2, seed=3, scales=(0.1, 0.4), spread=(0.3, 0.3, 0.3))
    view = replace(View.of(CAMERA, 6, 5), focal=60.0)
    inputs = [torch.from_numpy(a).double() for a in (g.means, g.covariances, g.opacities * 0.5 + 0.2, g.features)]
    inputs = [a.requires_grad_() for a in (*inputs, torch.tensor([0.3, 0.8], dtype=torch.float64))]

    def draw(means, covariances, opacities, features, background):
        gaussians = Gaussians(means, covariances, opacities, features)
        return reference.render(gaussians, replace(view, background=background))

    assert torch.autograd.gradcheck(draw, inputs, eps=1e-7, atol=1e-4, rtol=1e-3)


def test_double_precision_is_kept():
    g = scene(300, channels=3)
    doubles = Gaussians(*(torch.from_numpy(a).double() for a in (g.means, g.covariances, g.opacities, g.features)))
    image, alpha = rasterize(doubles, CAMERA, 40, 30, backend="torch")
    assert image.dtype == alpha.dtype == torch.float64
    single, _ = rasterize(g, CAMERA, 40, 30, backend="torch")
    assert 0 < np.abs(image.numpy() - single).max() < 5e-3


def test_batches_of_tiles_do_not_change_the_image(monkeypatch):
    g = scene(800, channels=3)
    whole, _ = rasterize(g, CAMERA, 96, 96, backend="torch")
    monkeypatch.setattr(reference, "PAIRS_AT_ONCE", 1)
    parts, _ = rasterize(g, CAMERA, 96, 96, backend="torch")
    np.testing.assert_allclose(parts, whole, atol=1e-5)
