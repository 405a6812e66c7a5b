"""A training step on a GPU: the numbers of the CPU, whatever products are rounded to."""

from __future__ import annotations

import pytest
import torch
from scipy.spatial import cKDTree

from gagavatar_nodes.lifting.gagavatar.config import TINY
from gagavatar_nodes.lifting.gagavatar.model import GAGAvatarNetwork
from gagavatar_nodes.training.batch import TrainingBatch
from gagavatar_nodes.training.initialize import initialize
from gagavatar_nodes.training.losses import compute_losses
from gagavatar_nodes.training.model import TrainingModel
from gagavatar_nodes.training.nearest import nearest_points
from gagavatar_nodes.types import Camera

if not torch.cuda.is_available():
    pytest.skip("there is no GPU", allow_module_level=True)

DEVICE = "cuda"


@pytest.fixture(params=[False, True], ids=["fp32", "tf32"])
def tf32(request):
    kept = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = request.param
    yield request.param
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = kept


def batch() -> TrainingBatch:
    generator = torch.Generator().manual_seed(1)
    camera = torch.from_numpy(Camera.frontal(9.3).transform)[None]
    points = torch.randn(1, 5023, 3, generator=generator)
    points = points / points.norm(dim=-1, keepdim=True) * torch.tensor([0.45, 0.62, 0.5])
    image = torch.rand(1, 3, TINY.image_size, TINY.image_size, generator=generator)
    target = torch.rand(1, 3, TINY.render_size, TINY.render_size, generator=generator)
    box = torch.tensor([[0.2, 0.2, 0.8, 0.8]])
    return TrainingBatch(image, camera, target, camera, points, box, ("source",), ("target",))


def test_neighbors_are_those_of_a_tree(tf32):
    generator = torch.Generator().manual_seed(0)
    vertices, points = torch.rand(5023, 3, generator=generator), torch.rand(100_000, 3, generator=generator)
    index = cKDTree(points.double().numpy()).query(vertices.double().numpy())[1]
    found = nearest_points(vertices.to(DEVICE), points.to(DEVICE)).cpu().numpy()
    assert (found != index).mean() < 1e-3


def test_a_step_gives_the_numbers_of_the_cpu(tf32):
    torch.manual_seed(0)
    network = GAGAvatarNetwork(TINY)
    initialize(network)
    data = batch()
    exact = TrainingModel(network, noise="stored")(data)
    want = compute_losses(exact, data)
    rounded = TrainingModel(network.to(DEVICE), "torch", "stored")(data.to(DEVICE))
    got = compute_losses(rounded, data.to(DEVICE))
    got.total.backward()
    tolerance = 2e-2 if tf32 else 1e-3
    assert got.total.item() == pytest.approx(want.total.item(), rel=tolerance)
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)
    # Only offsets along the camera's axis come from rounded products.
    moved = (rounded.lifted_points.cpu() - exact.lifted_points)[..., :2]
    assert moved.abs().max() < 1e-5
