"""The trainable path from a batch to pictures: lifting, differentiable rasterization, neural renderer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ..lifting.gagavatar.model import GAGAvatarNetwork, Lifting
from ..lifting.gagavatar.refiner import noise_sizes
from ..rendering import rasterize
from ..rendering.covariance import covariances_from_quaternions
from ..types import Camera, Gaussians
from .batch import TrainingBatch


class Prediction(NamedTuple):
    """What the network makes of a batch."""

    features: Tensor
    """[B, C, R, R] the rasterized features."""
    coarse: Tensor
    """[B, 3, R, R] their first three channels, RGB, not clamped."""
    fine: Tensor | None
    """[B, 3, R, R] the neural renderer's RGB 0..1; None for a network without one."""
    lifted_points: Tensor
    """[B, N, 3] means of the lifted planes' Gaussians: front, then back."""

    @property
    def picture(self) -> Tensor:
        """[B, 3, R, R] the result: the fine picture where there is one."""
        return self.coarse if self.fine is None else self.fine


class TrainingModel(nn.Module):
    """The network with its rasterizer. Geometry and rasterization are computed in float32 whatever the autocast.

    Args:
        network: what is trained; its state dict is the checkpoint.
        rasterizer: backend of `rendering.rasterize`; it must be differentiable.
        noise: of the neural renderer: "fresh" for each step, as published, from the global generator of the device;
            or "stored", the network's own maps.
    """

    def __init__(
        self, network: GAGAvatarNetwork, rasterizer: str = "auto", noise: Literal["fresh", "stored"] = "fresh"
    ) -> None:
        super().__init__()
        self.network = network
        self.rasterizer = rasterizer
        self.noise = noise

    def forward(self, batch: TrainingBatch) -> Prediction:
        """Lift the sources and render the targets' view and expression."""
        local, identity = self.network.base_model(batch.source_image)
        cameras = batch.target_camera.detach().cpu()
        liftings = [self.network.lift_features(*one) for one in zip(local, identity, batch.source_camera, strict=True)]
        scenes = zip(liftings, batch.target_points, cameras, strict=True)
        with torch.autocast(batch.source_image.device.type, enabled=False), _without_tf32():
            features = torch.stack([self.render(*scene) for scene in scenes])
        fine = self.network.refine(features, self._noise(features)) if self.network.config.refiner else None
        points = torch.stack([lifting.layer_points for lifting in liftings])
        return Prediction(features, features[:, :3], fine, points)

    def render(self, lifting: Lifting, points: Tensor, camera: Tensor) -> Tensor:
        """[C, R, R] features of one scene."""
        parameters, size = lifting.parameters, self.network.config.render_size
        gaussians = Gaussians(
            torch.cat([points, lifting.layer_points]),
            covariances_from_quaternions(parameters.rotations, parameters.scales),
            parameters.opacities[:, 0],
            parameters.features,
        )
        image, _ = rasterize(gaussians, Camera(camera.numpy()), size, size, backend=self.rasterizer)
        return image.permute(2, 0, 1)

    def _noise(self, features: Tensor) -> list[Tensor] | None:
        if self.noise == "stored":
            return None
        sizes = noise_sizes(self.network.config.render_size)
        return [torch.randn(len(features), 1, size, size, device=features.device) for size in sizes]


@contextmanager
def _without_tf32() -> Iterator[None]:
    """Matrix products in full float32: TF32 would move points by the hundredth part of a head."""
    matmul = torch.backends.cuda.matmul
    allowed, matmul.allow_tf32 = matmul.allow_tf32, False
    try:
        yield
    finally:
        matmul.allow_tf32 = allowed
