"""Each loss against its definition, computed anew in float64 and by other means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.training.batch import TrainingBatch
from gagavatar_nodes.training.losses import (
    LossWeights,
    compute_losses,
    crop_boxes,
    head_boxes,
    image_loss,
    lifting_loss,
    psnr,
)
from gagavatar_nodes.training.model import Prediction

SIZE = 64


def pair(seed: int = 0, samples: int = 2, fine: bool = True) -> tuple[Prediction, TrainingBatch]:
    """A random prediction, a leaf of every tensor, and its batch."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(samples, *shape, generator=generator)

    coarse = (drawn(3, SIZE, SIZE) * 1.4 - 0.2).requires_grad_()
    picture = drawn(3, SIZE, SIZE).requires_grad_() if fine else None
    points = drawn(400, 3).requires_grad_()
    boxes = torch.tensor([[0.2, 0.1, 0.8, 0.9], [0.35, 0.05, 0.97, 0.85]])[:samples]
    keys = tuple(f"clip_{n}" for n in range(samples))
    batch = TrainingBatch(
        drawn(3, 28, 28), drawn(3, 4), drawn(3, SIZE, SIZE), drawn(3, 4), drawn(50, 3), boxes, keys, keys
    )
    return Prediction(coarse, coarse, picture, points), batch


class Perceptual:
    """A loss of its own."""

    def against(self, target):
        return lambda image: (image - target).square().mean()


def test_the_total_is_the_weighted_sum_of_its_terms():
    prediction, batch = pair()
    losses = compute_losses(prediction, batch, perceptual=Perceptual())
    parts = {name: value.item() for name, value in losses.parts.items()}
    assert losses.image.item() == pytest.approx((parts["image_coarse"] + parts["image_fine"]) / 2)
    assert losses.box.item() == pytest.approx((parts["box_coarse"] + parts["box_fine"]) / 2)
    assert losses.perceptual.item() == pytest.approx(0.01 * (parts["perceptual_coarse"] + parts["perceptual_fine"]))
    assert losses.lifting.item() == pytest.approx(10 * parts["lifting"])
    terms = (losses.image, losses.box, losses.perceptual, losses.lifting)
    assert losses.total.item() == pytest.approx(sum(term.item() for term in terms))
    assert [name for name, _ in losses.items()] == ["total", "image", "box", "perceptual", "lifting", "psnr"]


def test_a_term_of_weight_zero_is_left_out():
    prediction, batch = pair()
    losses = compute_losses(prediction, batch, LossWeights(lifting=0))
    assert losses.lifting is None
    assert losses.perceptual is None
    losses.total.backward()
    assert prediction.lifted_points.grad is None
    nothing = compute_losses(prediction, batch, LossWeights(0, 0, 0, 0))
    assert nothing.total.item() == 0
    assert [name for name, _ in nothing.items()] == ["total", "psnr"]


def test_without_a_neural_renderer_the_coarse_picture_keeps_its_weight():
    prediction, batch = pair(fine=False)
    losses = compute_losses(prediction, batch, perceptual=Perceptual())
    assert losses.image.item() == pytest.approx(losses.parts["image_coarse"].item() / 2)
    assert losses.psnr.item() == pytest.approx(psnr(prediction.coarse.detach(), batch.target_image).item())
    assert not any(name.endswith("fine") for name in losses.parts)


def test_pictures_are_compared_without_clamping():
    assert image_loss(torch.full((1, 3, 4, 4), -0.5), torch.zeros(1, 3, 4, 4)).item() == pytest.approx(0.5)


def test_signal_to_noise_is_that_of_the_whole_batch():
    picture, target = torch.zeros(2, 3, 4, 4), torch.stack([torch.zeros(3, 4, 4), torch.full((3, 4, 4), 0.2)])
    assert psnr(picture, target).item() == pytest.approx(-10 * np.log10(0.02), rel=1e-6)


def test_vertices_are_drawn_to_their_nearest_point_alone():
    points = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [5, 5, 5]]], requires_grad=True)
    vertices = torch.tensor([[[0.1, 0, 0], [0.2, 0, 0], [1, 0.5, 0]]])
    loss = lifting_loss(points, vertices)
    loss.backward()
    assert loss.item() == pytest.approx((0.01 + 0.04 + 0.25) / 3)
    expected = torch.tensor([[[-0.3, 0, 0], [0, -0.5, 0], [0, 0, 0]]]) * 2 / 3
    torch.testing.assert_close(points.grad, expected)


def test_a_sample_s_vertices_see_its_own_points_only():
    prediction, batch = pair()
    both = lifting_loss(prediction.lifted_points, batch.target_points)
    alone = [lifting_loss(prediction.lifted_points[i : i + 1], batch.target_points[i : i + 1]) for i in (0, 1)]
    assert both.item() == pytest.approx((alone[0].item() + alone[1].item()) / 2, rel=1e-6)


def test_the_head_s_square_keeps_its_center_and_shrinks_at_the_border():
    boxes = torch.tensor([[0.3, 0.3, 0.7, 0.7], [0.6, 0.4, 0.98, 0.8], [0.0, 0.0, 0.3, 0.3], [0.3, 0.2, 0.5, 0.8]])
    squares = head_boxes(boxes, 1000)
    assert squares[0] == pytest.approx((280, 280, 720, 720), abs=1)
    assert squares[1] == pytest.approx((580, 390, 1000, 810), abs=1)
    assert squares[2] == pytest.approx((0, 0, 300, 300), abs=1)
    edge = 1.1 * np.sqrt(0.2 * 0.6) * 1000 / 2
    assert squares[3] == pytest.approx((400 - edge, 500 - edge, 400 + edge, 500 + edge), abs=1)


@pytest.mark.parametrize("box", [[0.5, 0.5, 0.5, 0.5], [0.8, 0.2, 0.2, 0.8], [0.0, 0.0, float("nan"), 1.0]])
def test_an_empty_head_box_is_named(box):
    with pytest.raises(GagavatarError, match=r"clip_1: its head box .* is empty"):
        head_boxes(torch.tensor([[0.2, 0.2, 0.8, 0.8], box]), 512, ("clip_0", "clip_1"))


def test_crops_are_resized_as_pictures_are():
    picture = np.random.default_rng(0).random((48, 48), np.float32)
    (crop,) = crop_boxes(torch.from_numpy(picture)[None, None].expand(1, 3, -1, -1), [(5, 7, 42, 43)])
    expected = np.array(Image.fromarray(picture[7:43, 5:42]).resize((48, 48), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(crop[1].numpy(), expected, rtol=0, atol=2e-5)
