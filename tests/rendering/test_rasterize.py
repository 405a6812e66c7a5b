"""What `rasterize` draws, by every backend that runs on a CPU."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.rendering import rasterize, rasterize_arrays
from gagavatar_nodes.rendering.backends import backend_problem
from gagavatar_nodes.rendering.view import View
from gagavatar_nodes.types import Camera, Gaussians
from scenes import CAMERA, assert_same_image, scene

DATA = Path(__file__).parents[1] / "data"
CPU_BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(backend_problem(name) is not None, reason=str(backend_problem(name))))
    for name in ("native", "torch")
]


def per_pixel_truth(g: Gaussians, camera: Camera, width: int, height: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The published rules in float64, one pixel and one splat at a time; and how many pixels stopped early."""
    seen = View.of(camera, width, height)
    view, focal = seen.transform, seen.focal
    splats = []
    for mean, (xx, xy, xz, yy, yz, zz), opacity, features in zip(
        g.means.astype(np.float64), g.covariances.astype(np.float64), g.opacities, g.features, strict=True
    ):
        x, y, z = view[:, :3] @ mean + view[:, 3]
        if z <= 0.2:
            continue
        limit_x, limit_y = 1.3 * width / 2 / focal, 1.3 * height / 2 / focal
        slope_x, slope_y = np.clip(x / z, -limit_x, limit_x), np.clip(y / z, -limit_y, limit_y)
        J = focal / z * np.array([[1, 0, -slope_x], [0, 1, -slope_y]])
        M = J @ view[:, :3]
        cov = M @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ M.T + 0.3 * np.eye(2)
        if np.linalg.det(cov) <= 0:
            continue
        middle = np.trace(cov) / 2
        radius = np.ceil(3 * np.sqrt(middle + np.sqrt(max(0.1, middle**2 - np.linalg.det(cov)))))
        center = np.array([focal * x / z + (width - 1) / 2, focal * y / z + (height - 1) / 2])
        first = np.trunc((center - radius) / 16)
        last = np.trunc((center + radius + 15) / 16)
        splats.append((np.float32(z), center, np.linalg.inv(cov), first, last, float(opacity), features))
    splats.sort(key=lambda s: s[0])
    image, alphas, stopped = np.zeros((height, width, g.features.shape[1])), np.zeros((height, width)), 0
    for row in range(height):
        for column in range(width):
            transmittance, tile = 1.0, np.array([column // 16, row // 16])
            for _, center, conic, first, last, opacity, features in splats:
                if (tile < first).any() or (tile >= last).any():
                    continue
                d = center - (column, row)
                alpha = min(0.99, opacity * np.exp(-0.5 * d @ conic @ d))
                if alpha < 1 / 255:
                    continue
                if transmittance * (1 - alpha) < 1e-4:
                    stopped += 1
                    break
                image[row, column] += alpha * transmittance * features
                transmittance *= 1 - alpha
            alphas[row, column] = 1 - transmittance
    return image, alphas, stopped


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_published_rasterizer_is_matched(backend):
    case = dict(np.load(DATA / "raster0.npz"))
    image, alpha = case.pop("image"), case.pop("alpha")
    got_image, got_alpha = rasterize_arrays(**case, width=96, height=96, focal=12.0, backend=backend)
    assert got_image.shape == (32, 96, 96)
    assert np.linalg.norm(got_image - image) < 1e-5 * np.linalg.norm(image)
    np.testing.assert_allclose(got_image, image, atol=5e-5)
    np.testing.assert_allclose(got_alpha, alpha, atol=2e-5)


@pytest.fixture(scope="module")
def close_up():
    """A turned camera among the Gaussians, and what it sees."""
    gaussians = scene(220, channels=2, seed=5, scales=(0.02, 0.4), spread=(1.0, 0.8, 1.0))
    gaussians.opacities[:] **= 0.05
    a = 0.4
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    camera = Camera(np.concatenate([turn @ CAMERA.transform[:, :3], [[0.05], [-0.1], [1.0]]], 1), focal=2.0)
    return gaussians, camera, *per_pixel_truth(gaussians, camera, 37, 29)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_image_equals_the_rules_applied_pixel_by_pixel(backend, close_up):
    gaussians, camera, truth_image, truth_alpha, stopped = close_up
    assert stopped > 20
    image, alpha = rasterize(gaussians, camera, 37, 29, backend=backend)
    assert_same_image(image, truth_image)
    assert_same_image(alpha, truth_alpha)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_x_is_left_and_y_is_up(backend):
    means = np.array([[0.3, 0.4, 0.0]], np.float32)  # the subject's left, seen on the right of the picture, and above
    gaussians = Gaussians(
        means, np.array([[1, 0, 0, 1, 0, 1]], np.float32) * 1e-4, np.ones(1, np.float32), np.ones((1, 1), np.float32)
    )
    _, alpha = rasterize(gaussians, CAMERA, 64, 64, backend=backend)
    row, column = np.unravel_index(alpha.argmax(), alpha.shape)
    assert column == round(31.5 + 12 * 32 * 0.3 / 9)
    assert row == round(31.5 - 12 * 32 * 0.4 / 9)
    assert alpha.max() > 0.7


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_background_fills_what_the_gaussians_leave(backend):
    gaussians = scene(150, channels=3)
    image, alpha = rasterize(gaussians, CAMERA, 50, 40, backend=backend)
    color = np.array([0.2, 0.4, 0.6], np.float32)
    picture = np.random.default_rng(1).random((40, 50, 3), np.float32)
    for background in (color, picture):
        over, over_alpha = rasterize(gaussians, CAMERA, 50, 40, background, backend=backend)
        np.testing.assert_allclose(over, image + (1 - alpha[..., None]) * background, atol=1e-6)
        np.testing.assert_array_equal(over_alpha, alpha)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_results_are_written_into_given_arrays(backend):
    gaussians = scene(100)
    out = np.full((24, 30, 3), 7, np.float32), np.full((24, 30), 7, np.float32)
    image, alpha = rasterize(gaussians, CAMERA, 30, 24, backend=backend, out=out)
    assert image is out[0]
    assert alpha is out[1]
    fresh, fresh_alpha = rasterize(gaussians, CAMERA, 30, 24, backend=backend)
    np.testing.assert_array_equal(image, fresh)
    np.testing.assert_array_equal(alpha, fresh_alpha)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
@pytest.mark.parametrize("field", ["means", "covariances", "opacities", "features"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused_by_name(backend, field, bad):
    gaussians = scene(80, channels=5)
    getattr(gaussians, field)[17] = bad
    gaussians.opacities[17] = bad if field == "opacities" else 1.0
    with pytest.raises(ValueError, match=field):
        rasterize(gaussians, CAMERA, 64, 64, backend=backend)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_tensors_come_back_as_tensors(backend):
    import torch

    g = scene(100, channels=4)
    tensors = Gaussians(*(torch.from_numpy(a) for a in (g.means, g.covariances, g.opacities, g.features)))
    image, alpha = rasterize(tensors, CAMERA, 40, 40, torch.ones(4), backend=backend)
    expected, expected_alpha = rasterize(g, CAMERA, 40, 40, np.ones(4, np.float32), backend=backend)
    assert isinstance(image, torch.Tensor)
    np.testing.assert_array_equal(image.numpy(), expected)
    np.testing.assert_array_equal(alpha.numpy(), expected_alpha)


def test_auto_takes_the_reference_where_gradients_are_wanted():
    import torch

    g = scene(50)
    features = torch.from_numpy(g.features).requires_grad_()
    tensors = Gaussians(*(torch.from_numpy(a) for a in (g.means, g.covariances, g.opacities)), features)
    image, alpha = rasterize(tensors, CAMERA, 32, 32)
    image.sum().backward()
    # Each splat's gradient is the sum of its weights, and the weights of a pixel add up to its alpha.
    assert features.grad[:, 0].sum().item() == pytest.approx(alpha.sum().item(), rel=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"covariances": np.zeros((10, 3, 3), np.float32)},
            r"covariances of shape \(10, 3, 3\) but expected \(10, 6\)",
        ),
        ({"opacities": np.zeros((10, 1), np.float32)}, r"opacities of shape \(10, 1\) but expected \(10,\)"),
        ({"features": np.zeros((10, 0), np.float32)}, r"features of shape \(10, 0\)"),
        ({"means": np.zeros((10, 2), np.float32)}, r"means of shape \(10, 2\) but expected \(10, 3\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        rasterize(Gaussians(**(vars(scene(10)) | change)), CAMERA, 16, 16)


def test_wrong_sizes_backgrounds_and_names_are_refused():
    gaussians = scene(10)
    with pytest.raises(ValueError, match="0x16"):
        rasterize(gaussians, CAMERA, 0, 16)
    with pytest.raises(ValueError, match="32768"):
        rasterize(gaussians, CAMERA, 16, 40000)
    with pytest.raises(ValueError, match=r"32768x32768 with 3 channels is too large; use at most 16384 pixels a side"):
        rasterize(gaussians, CAMERA, 32768, 32768)
    with pytest.raises(ValueError, match=r"background of shape \(4,\)"):
        rasterize(gaussians, CAMERA, 16, 16, np.zeros(4, np.float32))
    with pytest.raises(ValueError, match="Unknown rasterizer 'opengl'"):
        rasterize(gaussians, CAMERA, 16, 16, backend="opengl")
    with pytest.raises(ValueError, match="camera transform"):
        rasterize(gaussians, Camera(np.eye(4)), 16, 16)
    with pytest.raises(ValueError, match="quaternions"):
        rasterize_arrays(
            gaussians.means,
            np.zeros((10, 3)),
            np.zeros((10, 3)),
            np.zeros(10),
            np.zeros((10, 3)),
            CAMERA.transform,
            8,
            8,
        )


def test_environment_names_the_backend(monkeypatch):
    monkeypatch.setenv("GAGAVATAR_RASTERIZER", "vulkan")
    with pytest.raises(ValueError, match="Unknown rasterizer 'vulkan'"):
        rasterize(scene(10), CAMERA, 16, 16)


def test_backend_that_cannot_run_is_an_error_with_its_reason(monkeypatch):
    module = importlib.import_module("gagavatar_nodes.rendering.backends")
    monkeypatch.setattr(module, "backend_problem", lambda name: "no such luck")
    with pytest.raises(GagavatarError, match=r"'native' cannot run here: no such luck"):
        rasterize(scene(10), CAMERA, 16, 16, backend="native")
