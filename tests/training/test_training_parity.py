"""The published training step, number by number: losses, gradients, Adam.

Margins are those that hold between two correct float32 implementations. By default the step is checked up to the
gradients at the rasterizer's output; with GAGAVATAR_TRAINING_PARITY naming a folder of `train<seed>.npz`, two whole
steps are made from each (minutes, and 20 GB without a compiled rasterizer).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

import training_recipe as recipe
from gagavatar_nodes.training.losses import compute_losses, head_boxes
from gagavatar_nodes.training.model import Prediction, TrainingModel
from gagavatar_nodes.training.nearest import nearest_points
from gagavatar_nodes.training.optimizer import build_optimizer, build_scheduler, freeze
from parity_recipe import DATA, relative_error

LOSS, COARSE, FINE, GRAD_RASTER, GRAD_FINE = 1e-5, 1e-3, 1e-4, 3e-2, 5e-2
GRADIENT, HEAD_BASE, NORM, SECOND_LOSS = 1e-2, 5e-2, 5e-3, 5e-3
TERMS = {
    "total": "total", "perceptual": "percep_loss", "image": "img_loss", "box": "box_loss", "lifting": "point_loss",
    "psnr": "psnr",
}  # fmt: skip
PARTS = {
    "image_coarse": "img_coarse", "image_fine": "img_fine", "box_coarse": "box_coarse", "box_fine": "box_fine",
    "perceptual_coarse": "percep_coarse", "perceptual_fine": "percep_fine",
}  # fmt: skip
FOLDER = os.environ.get("GAGAVATAR_TRAINING_PARITY")
FILES = sorted(Path(FOLDER).glob("train*.npz")) if FOLDER else []


def load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def check_losses(losses, truth, step: int, tolerance: float) -> None:
    got = {name: value.item() for name, value in losses.items()}
    want = {name: float(truth[f"loss{step}:{published}"]) for name, published in TERMS.items()}
    got |= {name: losses.parts[name].item() for name in PARTS}
    want |= {name: float(truth[f"loss{step}:{published}"]) for name, published in PARTS.items()}
    assert got == pytest.approx(want, rel=tolerance)


def check_pictures(prediction, truth) -> None:
    assert relative_error(prediction.coarse.detach()[:, :, 4::8, 4::8], truth["coarse"]) < COARSE
    assert relative_error(prediction.fine.detach()[:, :, 4::8, 4::8], truth["fine"]) < FINE
    assert relative_error(prediction.features.grad[:, :, 8::32, 8::32], truth["grad_raster"]) < GRAD_RASTER
    assert relative_error(prediction.fine.grad[:, :, 8::16, 8::16], truth["grad_fine"]) < GRAD_FINE
    assert prediction.features.grad.norm().item() == pytest.approx(float(truth["grad_raster_norm"]), rel=GRAD_RASTER)
    assert prediction.fine.grad.norm().item() == pytest.approx(float(truth["grad_fine_norm"]), rel=GRAD_FINE)


def test_losses_and_gradients_of_the_pictures_are_the_published_ones():
    truth, batch, network = load(DATA / "train1.npz"), recipe.batch(1, 1), recipe.network(1)
    with torch.no_grad():
        lifting = network.lift(batch.source_image[0], batch.source_camera[0])
        model = TrainingModel(network, noise="stored")
        rendered = model.render(lifting, batch.target_points[0], batch.target_camera[0])
    features = rendered[None].requires_grad_()
    fine = network.refine(features)
    fine.retain_grad()
    prediction = Prediction(features, features[:, :3], fine, lifting.layer_points[None])
    perceptual = recipe.perceptual(1)
    losses = compute_losses(prediction, batch, perceptual=perceptual)
    losses.total.backward()
    check_losses(losses, truth, 1, LOSS)
    check_pictures(prediction, truth)
    assert head_boxes(batch.target_box, 512) == [tuple(box) for box in truth["box_pixels"].tolist()]
    nearest = nearest_points(batch.target_points[0], lifting.layer_points)
    assert (nearest.numpy() != truth["nearest"][0]).sum() <= 2


@pytest.mark.skipif(not FILES, reason="needs GAGAVATAR_TRAINING_PARITY")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_two_steps_of_the_optimizer_are_the_published_ones(path):
    truth = load(path)
    seed, samples = int(truth["seed"]), len(truth["box_pixels"])
    batch, network, perceptual = recipe.batch(seed, samples), recipe.network(seed), recipe.perceptual(seed)
    freeze(network)
    model = TrainingModel(network, noise="stored")
    optimizer = build_optimizer(network)
    scheduler = build_scheduler(optimizer)
    sliced = [name.removeprefix("before:") for name in truth if name.startswith("before:")]
    for step in (1, 2):
        optimizer.zero_grad(set_to_none=True)
        prediction = model(batch)
        prediction.features.retain_grad()
        prediction.fine.retain_grad()
        losses = compute_losses(prediction, batch, perceptual=perceptual)
        losses.total.backward()
        check_losses(losses, truth, step, LOSS if step == 1 else SECOND_LOSS)
        if step == 1:
            check_pictures(prediction, truth)
            check_gradients(network, truth, sliced)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(truth[f"lr{step}"].tolist(), rel=1e-9)
        optimizer.step()
        scheduler.step()
        if step == 1:
            check_first_step(network, truth, sliced)
        else:
            check_second_step(network, truth, sliced)


def check_gradients(network, truth, sliced) -> None:
    parameters = dict(network.named_parameters())
    trainable = {name: parameter for name, parameter in parameters.items() if parameter.requires_grad}
    assert sorted(trainable) == sorted(truth["names"].tolist())
    without = {name for name, parameter in trainable.items() if parameter.grad is None}
    assert without == set(truth["no_gradient"].tolist())
    for name, norm in zip(truth["names"].tolist(), truth["norm1"], strict=True):
        if name not in without and not (trainable[name].numel() == 1 and "style_conv" in name):
            assert trainable[name].grad.norm().item() == pytest.approx(float(norm), rel=NORM), name
    for name in sliced:
        if trainable[name].numel() > 1:
            error = relative_error(recipe.sliced(trainable[name].grad), truth[f"grad1:{name}"])
            assert error < (HEAD_BASE if name == "head_base" else GRADIENT), name


def check_first_step(network, truth, sliced) -> None:
    """A sign step: every entry moved by the rate, but where Adam's eps is felt."""
    for name in sliced:
        got = recipe.sliced(network.get_parameter(name))
        assert abs(got - truth[f"after1:{name}"]).max() < 0.05 * rate_of(name), name


def check_second_step(network, truth, sliced) -> None:
    """In rates, where neither gradient is rounding noise, over all tensors together.

    The gradients of the second step are badly conditioned: after a sign step of all weights most pixels are saturated,
    and few of them make the gradient.
    """
    errors = []
    for name in sliced:
        firm = np.ones_like(truth[f"grad1:{name}"], bool)
        for step in (1, 2):
            size = np.abs(truth[f"grad{step}:{name}"])
            firm &= size > 0.3 * np.sqrt(np.mean(size**2))
        errors.append((abs(recipe.sliced(network.get_parameter(name)) - truth[f"after2:{name}"]) / rate_of(name))[firm])
    assert sum(map(len, errors)) > 300
    assert np.median(np.concatenate(errors)) < 0.2


def rate_of(name: str) -> float:
    return 1e-5 if "style_mlp" in name or "final_linear" in name else 1e-4
