"""The CUDA backends on a GPU, beside the reference in float64 and the compiled CPU rasterizer."""

import numpy as np
import pytest
import torch

from scenes import CAMERA, assert_same_image, scene

if not torch.cuda.is_available():
    pytest.skip("there is no GPU", allow_module_level=True)

from gagavatar_nodes.rendering import rasterize
from gagavatar_nodes.rendering.backends import backend_problem, choose_backend
from gagavatar_nodes.types import Gaussians

WIDTH, HEIGHT = 150, 97


def tensors(g: Gaussians, dtype=torch.float32, **options) -> Gaussians:
    arrays = (g.means, g.covariances, g.opacities, g.features)
    return Gaussians(*(torch.from_numpy(a).to("cuda", dtype).requires_grad_(**options) for a in arrays))


def drawn(g: Gaussians, backend: str, dtype=torch.float32) -> list[np.ndarray]:
    with torch.no_grad():
        return [a.cpu().numpy() for a in rasterize(tensors(g, dtype, requires_grad=False), CAMERA, WIDTH, HEIGHT,
                                                   backend=backend)]  # fmt: skip


@pytest.fixture(params=["gsplat", "triton"])
def backend(request):
    if problem := backend_problem(request.param):
        pytest.skip(problem)
    return request.param


@pytest.mark.parametrize("channels", [1, 3, 32, 40])
def test_triton_equals_the_reference_and_the_compiled_rasterizer(channels):
    g = scene(3000, channels)
    truth = drawn(g, "torch", torch.float64)
    for got, expected in zip(drawn(g, "triton"), truth, strict=True):
        assert_same_image(got, expected)
    for got, expected in zip(rasterize(g, CAMERA, WIDTH, HEIGHT, backend="native"), truth, strict=True):
        assert_same_image(got, expected)


def test_gsplat_comes_near_the_reference():
    if problem := backend_problem("gsplat"):
        pytest.skip(problem)
    g = scene(3000, 32)
    for got, expected in zip(drawn(g, "gsplat"), drawn(g, "torch", torch.float64), strict=True):
        error = np.abs(got - expected).reshape(HEIGHT, WIDTH, -1).max(-1)
        assert np.linalg.norm(got - expected) / np.linalg.norm(expected) < 2e-2
        assert np.quantile(error, 0.9) < 1e-2


def test_results_stay_on_the_gpu_over_a_background_and_in_given_arrays(backend):
    g, background = tensors(scene(300, 5), requires_grad=False), torch.rand(5, device="cuda")
    plain, alpha = rasterize(g, CAMERA, WIDTH, HEIGHT, backend=backend)
    out = torch.empty(HEIGHT, WIDTH, 5, device="cuda"), torch.empty(HEIGHT, WIDTH, device="cuda")
    image, _ = rasterize(g, CAMERA, WIDTH, HEIGHT, background, backend, out)
    assert image is out[0]
    torch.testing.assert_close(image, plain + (1 - alpha)[..., None] * background)


def test_nothing_in_view_is_an_empty_picture(backend):
    g = tensors(scene(20, 4), requires_grad=False)
    behind = Gaussians(g.means + torch.tensor([0.0, 0, 50], device="cuda"), g.covariances, g.opacities, g.features)
    for array in rasterize(behind, CAMERA, WIDTH, HEIGHT, backend=backend):
        assert not array.any()


def test_gsplats_gradients_point_where_the_references_do():
    if problem := backend_problem("gsplat"):
        pytest.skip(problem)
    toward = torch.from_numpy(np.random.default_rng(3).standard_normal((HEIGHT, WIDTH, 8))).float().cuda()
    found = {}
    for backend in ("torch", "gsplat"):
        g = tensors(scene(400, 8), requires_grad=True)
        image, _ = rasterize(g, CAMERA, WIDTH, HEIGHT, backend=backend)
        (image * toward).sum().backward()
        found[backend] = [a.grad.flatten() for a in (g.means, g.covariances, g.opacities, g.features)]
    for ours, expected in zip(found["gsplat"], found["torch"], strict=True):
        assert torch.nn.functional.cosine_similarity(ours, expected, dim=0) > 0.98


def test_auto_draws_on_the_gpu_with_a_fast_backend():
    assert choose_backend(tensors(scene(10), requires_grad=False)) in ("gsplat", "triton")
