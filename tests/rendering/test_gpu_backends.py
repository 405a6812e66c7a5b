"""The CUDA backends as far as a CPU can prove them: Triton in its interpreter, gsplat by what it is handed."""

import importlib.util
import os
import subprocess
import sys
import textwrap
from types import ModuleType

import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.rendering import gsplat_backend, rasterize, reference
from gagavatar_nodes.rendering.backends import backend_problem
from gagavatar_nodes.rendering.covariance import UPPER_TRIANGLE
from gagavatar_nodes.rendering.view import View
from gagavatar_nodes.types import Gaussians
from scenes import CAMERA, scene

COMPARE = textwrap.dedent(
    """
    import numpy as np
    from scenes import CAMERA, scene
    from gagavatar_nodes.rendering import rasterize
    cases = [scene(200, 3), scene(150, 32, 1), scene(40, 40, 2), scene(30, 1, 3, (1.0, 4.0)), scene(0, 3)]
    for gaussians in cases:
        background = np.full(gaussians.features.shape[1], 0.5, np.float32)
        expected = rasterize(gaussians, CAMERA, 40, 25, background, backend="torch")
        got = rasterize(gaussians, CAMERA, 40, 25, background, backend="triton")
        print(*(float(np.abs(a - b).max()) for a, b in zip(got, expected)))
    """
)


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_triton_kernel_equals_the_reference():
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = os.pathsep.join([os.path.join(tests, "helpers"), os.path.dirname(tests)])
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", COMPARE], env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    differences = np.array([line.split() for line in done.stdout.splitlines()], float)
    assert differences.shape == (5, 2)
    assert differences.max() < 1e-3


def test_a_views_rows_lie_one_after_another_as_kernels_read_them():
    assert View.of(CAMERA, 48, 30).transform.flags.c_contiguous


@pytest.fixture
def stand_in_gsplat(monkeypatch):
    """gsplat's `rasterization` by its documented meaning, drawn by the reference."""

    def rasterization(
        means, quats, scales, opacities, colors, viewmats, Ks, width, height, *, near_plane, eps2d, packed, covars
    ):
        assert (quats, scales, packed) == (None, None, False)
        assert (near_plane, eps2d) == (reference.NEAR_PLANE, reference.BLUR)
        assert covars.shape == (len(means), 3, 3)
        assert torch.equal(covars, covars.transpose(1, 2))
        torch.testing.assert_close(viewmats[:, 3], torch.tensor([[0.0, 0, 0, 1]]))
        # Pixel (i, j) has its center at (i + 0.5, j + 0.5).
        torch.testing.assert_close(
            Ks[0], torch.tensor([[Ks[0, 0, 0], 0, width / 2], [0, Ks[0, 0, 0], height / 2], [0, 0, 1]])
        )
        upper = torch.stack([covars[:, i, j] for i, j in UPPER_TRIANGLE], 1)
        view = View(viewmats[0, :3].numpy(), float(Ks[0, 0, 0]), width, height)
        image, alpha = reference.render(Gaussians(means, upper, opacities, colors), view)
        return image[None], alpha[None, ..., None], {}

    module = ModuleType("gsplat")
    module.rasterization = rasterization
    monkeypatch.setitem(sys.modules, "gsplat", module)


def test_gsplat_is_handed_its_own_conventions(stand_in_gsplat):
    g = scene(200, channels=5)
    tensors = Gaussians(*(torch.from_numpy(a) for a in (g.means, g.covariances, g.opacities, g.features)))
    background = torch.rand(30, 48, 5)
    image, alpha = gsplat_backend.render(tensors, View.of(CAMERA, 48, 30, background))
    expected, expected_alpha = rasterize(tensors, CAMERA, 48, 30, background, backend="torch")
    torch.testing.assert_close(image, expected)
    torch.testing.assert_close(alpha, expected_alpha)


def test_gradients_come_back_through_gsplats_full_matrices(stand_in_gsplat):
    """A number off the diagonal stands for both of its places, whichever of them gsplat reads."""
    g, found = scene(200, channels=5), []
    toward, background = torch.randn(30, 48, 5, generator=torch.Generator().manual_seed(0)), torch.rand(5)
    for draw in (gsplat_backend.render, reference.render):
        tensors = [torch.from_numpy(a).requires_grad_() for a in vars(g).values()]
        image, alpha = draw(Gaussians(*tensors), View.of(CAMERA, 48, 30, background))
        ((image * toward).sum() + alpha.square().sum()).backward()
        found.append([a.grad for a in tensors])
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def test_triton_refuses_gradients():
    g = Gaussians(*(torch.from_numpy(a).requires_grad_() for a in vars(scene(10)).values()))
    with pytest.raises(GagavatarError, match="'triton' has no gradients; choose auto"):
        rasterize(g, CAMERA, 16, 16, backend="triton")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("backend", ["gsplat", "triton"])
def test_without_a_gpu_the_reason_is_given(backend, monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    backend_problem.cache_clear()
    with pytest.raises(GagavatarError, match=rf"'{backend}' cannot run here: .*(CUDA|Triton)"):
        rasterize(scene(10), CAMERA, 16, 16, backend=backend)
    backend_problem.cache_clear()
