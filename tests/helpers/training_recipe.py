"""Inputs, weights and measured slices of the training cases in tests/data; the numbers there are the published code's.

Case `seed` takes its weights from `gagavatar_recipe.draw` with salt `seed`, those of the perceptual networks too.
"""

from __future__ import annotations

import json

import numpy as np
import torch

import gagavatar_recipe as recipe
from gagavatar_nodes.lifting.gagavatar.checkpoint import build_network
from gagavatar_nodes.lifting.gagavatar.model import GAGAvatarNetwork
from gagavatar_nodes.training.batch import TrainingBatch
from gagavatar_nodes.training.perceptual import FacePerceptualLoss, load_perceptual

BOXES = np.array([[0.22, 0.17, 0.79, 0.86], [0.35, 0.05, 0.97, 0.85]], np.float32)
"""Head boxes of the two samples; widening the second is cut short by the border."""
PERCEPTUAL = "percep_loss."


def target_picture(generator: np.random.Generator, size: int = 512) -> np.ndarray:
    """[3, size, size] 0..1: each channel a sum of five plane waves, under a soft ellipse on black."""
    ramp = np.linspace(0, 1, size, dtype=np.float32)
    y, x = np.meshgrid(ramp, ramp, indexing="ij")
    picture = np.zeros((3, size, size), np.float32)
    for channel in picture:
        for _ in range(5):
            fx, fy = generator.uniform(0.5, 9), generator.uniform(0.5, 9)
            phase, weight = generator.uniform(0, 6.28), generator.uniform(0.2, 1)
            turns = np.float32(fx) * x + np.float32(fy) * y
            channel += np.float32(weight) * np.sin(np.float32(6.2831853) * turns + np.float32(phase))
        channel -= channel.min()
        channel /= channel.max()
    radius = np.sqrt(((x - 0.5) / 0.36) ** 2 + ((y - 0.52) / 0.44) ** 2)
    return picture * np.clip((1 - radius) * 20, 0, 1).astype(np.float32)


def batch(seed: int, samples: int) -> TrainingBatch:
    """The pairs of a case: sample b has the inputs of case `seed + 1000 * b`."""
    parts = [recipe.case_inputs(seed + 1000 * b) for b in range(samples)]

    def stacked(key: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([part[key] for part in parts]))

    pictures = np.stack([target_picture(np.random.default_rng([seed, b, 1])) for b in range(samples)])
    keys = tuple(f"case{seed}_{b}" for b in range(samples))
    return TrainingBatch(
        source_image=stacked("image"),
        source_camera=stacked("source_camera"),
        target_image=torch.from_numpy(pictures),
        target_camera=stacked("target_camera"),
        target_points=stacked("head_points"),
        target_box=torch.from_numpy(BOXES[:samples].copy()),
        source_keys=keys,
        target_keys=keys,
    )


def network(seed: int) -> GAGAvatarNetwork:
    """The network of a case, ready to be trained."""
    return build_network(recipe.published_state_dict(seed)).train().requires_grad_(True)


def perceptual_weights(seed: int) -> dict[str, torch.Tensor]:
    """The perceptual networks' tensors of a case under the published names, without their prefix."""
    listing = json.loads((recipe.DATA / "percep_state_dict.json").read_text())
    return {name.removeprefix(PERCEPTUAL): recipe.draw(name, shape, seed) for name, (shape, _) in listing.items()}


def perceptual(seed: int) -> FacePerceptualLoss:
    """The perceptual loss of a case, frozen."""
    module = FacePerceptualLoss()
    load_perceptual(module, perceptual_weights(seed), "the recipe")
    return module.eval().requires_grad_(False)


def sliced(tensor: torch.Tensor) -> np.ndarray:
    """At most 48 evenly spread entries of a tensor: those that the files keep."""
    flat = tensor.detach().flatten()
    return flat[np.unique(np.round(np.linspace(0, len(flat) - 1, 48)).astype(int))].numpy()
