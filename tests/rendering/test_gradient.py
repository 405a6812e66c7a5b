"""The compiled rasterizer's backward pass: against the published formulas, the reference's autograd and differences."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gagavatar_nodes.rendering import native, rasterize, rasterize_batch
from gagavatar_nodes.rendering.backends import backend_problem, choose_backend
from gagavatar_nodes.rendering.view import View
from gagavatar_nodes.types import Camera, Gaussians
from published_gradient import differentiate
from scenes import CAMERA, CLOSE, gentle, gradient_errors, scene

pytestmark = pytest.mark.skipif(backend_problem("native") is not None, reason=str(backend_problem("native")))

FIELDS = ("means", "covariances", "opacities", "features")
WIDTH, HEIGHT = 53, 37


def harsh() -> Gaussians:
    """A third of the opacities at 0.999, and large splats around the picture, beyond the margin too."""
    g = scene(60, 4, seed=1, scales=(0.3, 1.5), spread=(3.0, 2.5, 0.8))
    return replace(g, opacities=np.where(np.arange(60) % 3 == 0, 0.999, 0.9 * g.opacities).astype(np.float32))


def directions(channels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What a loss says of the picture and of alpha."""
    g = np.random.default_rng(seed)
    return g.standard_normal((HEIGHT, WIDTH, channels), np.float32), g.standard_normal((HEIGHT, WIDTH), np.float32)


def by_autograd(
    g: Gaussians, camera: Camera, to_image: np.ndarray, to_alpha: np.ndarray, backend: str = "torch"
) -> Gaussians:
    """Gradients that autograd finds, in float64 for the reference."""
    dtype = torch.float64 if backend == "torch" else torch.float32
    tensors = [torch.from_numpy(a).to(dtype).requires_grad_() for a in vars(g).values()]
    image, alpha = rasterize(Gaussians(*tensors), camera, WIDTH, HEIGHT, backend=backend)
    ((image * torch.from_numpy(to_image)).sum() + (alpha * torch.from_numpy(to_alpha)).sum()).backward()
    return Gaussians(*(a.grad.numpy() for a in tensors))


@pytest.mark.parametrize("channels", [1, 3, 4, 5, 16, 32, 50])
def test_gradients_equal_the_references_and_the_published_ones_where_nothing_is_capped(channels):
    g, directed = gentle(channels), directions(channels)
    truth = differentiate(g, View.of(CLOSE, WIDTH, HEIGHT), *directed)
    assert (truth.capped, truth.clamped) == (0, 0)
    assert truth.nearest > 3e-6  # no rounding puts a pair on the other side of a test
    found = by_autograd(g, CLOSE, *directed, backend="native")
    assert max(gradient_errors(found, truth.gradients).values()) < 1e-4
    assert max(gradient_errors(found, by_autograd(g, CLOSE, *directed)).values()) < 1e-4


def test_capped_and_clamped_splats_keep_the_gradients_of_the_published_formulas():
    g, directed = harsh(), directions(4)
    truth = differentiate(g, View.of(CLOSE, WIDTH, HEIGHT), *directed)
    assert truth.capped > 30
    assert truth.clamped > 20
    assert truth.nearest > 3e-6
    found = by_autograd(g, CLOSE, *directed, backend="native")
    assert max(gradient_errors(found, truth.gradients).values()) < 1e-4
    # Autograd stops at the cap, and knows another derivative of the clamp.
    other = gradient_errors(by_autograd(g, CLOSE, *directed), truth.gradients)
    assert other["opacities"] > 1e-2
    assert other["means"] > 1e-3
    assert other["covariances"] > 1e-3
    assert other["features"] < 1e-9


@pytest.mark.parametrize("field", FIELDS)
def test_gradients_are_central_differences_in_double_precision(field):
    g, directed = gentle(), directions(5)
    found = getattr(by_autograd(g, CLOSE, *directed, backend="native"), field)
    g = Gaussians(*(a.astype(np.float64) for a in vars(g).values()))
    view, random = View.of(CLOSE, WIDTH, HEIGHT), np.random.default_rng(1)
    for _ in range(3):
        direction = random.standard_normal(found.shape) * np.abs(getattr(g, field)).mean()
        step, losses = 1e-7, []
        for sign in (1, -1):
            moved = replace(g, **{field: getattr(g, field) + sign * step * direction})
            losses.append(differentiate(moved, view, *directed).loss)
        difference = (losses[0] - losses[1]) / (2 * step)
        assert abs((found * direction).sum() - difference) < 1e-4 * np.linalg.norm(found) * np.linalg.norm(direction)


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_gradients_are_the_same_to_the_bit_for_any_number_of_threads(threads):
    g, view = scene(4000, 20, seed=11), View.of(CAMERA, 100, 90)
    directed = np.random.default_rng(2).standard_normal((90, 100, 20)), np.random.default_rng(3).random((90, 100))
    expected = native.gradient(g, view, *directed, threads=1)
    for key, value in vars(native.gradient(g, view, *directed, threads=threads)).items():
        np.testing.assert_array_equal(value, getattr(expected, key))


def test_an_image_alone_and_alpha_alone_have_gradients():
    g, (to_image, to_alpha), view = gentle(), directions(5), View.of(CLOSE, WIDTH, HEIGHT)
    both = native.gradient(g, view, to_image, to_alpha)
    image, alpha = native.gradient(g, view, to_image, None), native.gradient(g, view, None, to_alpha)
    for key in FIELDS:
        scale = np.abs(getattr(both, key)).max()
        np.testing.assert_allclose(getattr(image, key) + getattr(alpha, key), getattr(both, key), atol=1e-5 * scale)
    assert not alpha.features.any()


def test_what_is_not_seen_has_no_gradient():
    behind = scene(40, 3)
    behind.means[:] *= -1
    behind.means[:, 2] += 50
    empty = Gaussians(*(a[:0] for a in vars(behind).values()))
    view = View.of(CAMERA, 20, 20)
    for g in (behind, empty):
        for key, value in vars(native.gradient(g, view, np.ones((20, 20, 3)), None)).items():
            assert value.shape == getattr(g, key).shape
            assert not value.any()


def test_lists_longer_than_a_chunk_and_splats_over_the_whole_picture():
    """2,000 faint splats in one tile, and 40 that cover every tile."""
    crowd = scene(2000, 3, seed=3, scales=(0.002, 0.02), spread=(0.05, 0.05, 0.5))
    wide = scene(40, 3, seed=5, scales=(0.5, 1.0))
    g = Gaussians(*(np.concatenate(pair) for pair in zip(vars(crowd).values(), vars(wide).values(), strict=True)))
    g = replace(g, opacities=(0.02 + 0.05 * g.opacities).astype(np.float32))
    directed = directions(3)
    expected = by_autograd(g, CAMERA, *directed)
    # So many pairs cannot all keep clear of the test at 1/255: single ones may part.
    assert max(gradient_errors(by_autograd(g, CAMERA, *directed, backend="native"), expected).values()) < 2e-3


def leaves(g: Gaussians, **without: bool) -> Gaussians:
    return Gaussians(**{key: torch.from_numpy(a).requires_grad_(without.get(key, True)) for key, a in vars(g).items()})


def test_auto_differentiates_single_precision_by_the_compiled_rasterizer_and_double_by_the_reference():
    g = leaves(gentle())
    assert choose_backend(g) == "native"
    assert choose_backend(Gaussians(*(a.double() for a in vars(g).values()))) == "torch"
    with torch.no_grad():
        assert choose_backend(Gaussians(*(a.double() for a in vars(g).values()))) == "native"


def test_only_what_requires_a_gradient_gets_one():
    g = leaves(gentle(), means=False, covariances=False)
    image, _ = rasterize(g, CLOSE, WIDTH, HEIGHT)
    image.square().sum().backward()
    assert g.means.grad is None
    assert g.covariances.grad is None
    assert g.opacities.grad.abs().sum() > 0
    assert g.features.grad.abs().sum() > 0
    assert not rasterize(replace(g, opacities=g.opacities.detach(), features=g.features.detach()), CLOSE, 9, 9)[
        0
    ].requires_grad


def test_the_background_has_a_gradient():
    background = torch.rand(5, requires_grad=True)
    toward = torch.from_numpy(directions(5)[0])
    for backend in ("native", "torch"):
        g = leaves(gentle())
        image, _ = rasterize(g, CLOSE, WIDTH, HEIGHT, background, backend=backend)
        background.grad = None
        (image * toward).sum().backward()
        if backend == "native":
            found = background.grad.clone(), g.opacities.grad.clone()
    torch.testing.assert_close(found[0], background.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[1], g.opacities.grad, rtol=1e-3, atol=1e-3)


def test_a_batch_equals_its_samples_one_by_one():
    samples = [leaves(gentle(seed=seed, count=100 + seed)) for seed in (2, 3)]
    cameras = [CLOSE, CAMERA]
    images, alphas = rasterize_batch(samples, cameras, WIDTH, HEIGHT)
    assert images.shape == (2, HEIGHT, WIDTH, 5)
    assert alphas.shape == (2, HEIGHT, WIDTH)
    (images.square().sum() + alphas.sum()).backward()
    for index, (sample, camera) in enumerate(zip(samples, cameras, strict=True)):
        alone = Gaussians(*(a.detach().requires_grad_() for a in vars(sample).values()))
        image, alpha = rasterize(alone, camera, WIDTH, HEIGHT)
        torch.testing.assert_close(images[index], image, rtol=0, atol=0)
        (image.square().sum() + alpha.sum()).backward()
        for key in FIELDS:
            torch.testing.assert_close(getattr(sample, key).grad, getattr(alone, key).grad, rtol=0, atol=0)
    arrays, _ = rasterize_batch([gentle()], [CLOSE], WIDTH, HEIGHT)
    assert isinstance(arrays, np.ndarray)
    with pytest.raises(ValueError, match="2 sets of Gaussians and 1 cameras"):
        rasterize_batch(samples, cameras[:1], WIDTH, HEIGHT)


def test_numbers_that_are_not_finite_are_refused_by_name():
    g = leaves(gentle())
    with torch.no_grad():
        g.covariances[3, 2] = float("nan")
    with pytest.raises(ValueError, match="covariances"):
        rasterize(g, CLOSE, WIDTH, HEIGHT)


def test_a_gradient_of_the_gradient_is_refused():
    g = leaves(gentle())
    image, _ = rasterize(g, CLOSE, WIDTH, HEIGHT)
    (first,) = torch.autograd.grad(image.square().sum(), g.features, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
