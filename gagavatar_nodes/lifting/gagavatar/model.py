"""The network: one source image to Gaussians (paper sections 3.2 and 3.3), rendered features to a picture (3.4)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .backbone import Backbone
from .config import VERTICES, GAGAvatarConfig
from .geometry import encode_direction, lifting_plane
from .heads import ExpressionHead, GaussianParameters, PlaneHead
from .refiner import Refiner


class Lifting(NamedTuple):
    """All of a source image that does not depend on the driver."""

    local: Tensor
    """[256, 296, 296] the backbone's local feature map."""
    identity: Tensor
    """[768] its global feature."""
    plane_points: Tensor
    """[S * S, 3] the plane before lifting."""
    plane_direction: Tensor
    """[3]."""
    encoding: Tensor
    """[27] the harmonic encoding of the direction."""
    parameters: GaussianParameters
    """Of all N Gaussians: mesh, front plane, back plane."""
    layer_points: Tensor
    """[N - 5023, 3] the lifted planes' means."""


class GAGAvatarNetwork(nn.Module):
    """The published network; its state dict has the published names and shapes, without `percep_loss.*`."""

    def __init__(self, config: GAGAvatarConfig | None = None) -> None:
        super().__init__()
        self.config = config or GAGAvatarConfig()
        self.base_model = Backbone(self.config)
        self.head_base = nn.Parameter(torch.randn(VERTICES, self.config.vertex_channels))
        self.gs_generator_g = ExpressionHead(self.config)
        self.gs_generator_l0 = PlaneHead(self.config)
        if self.config.dual_lifting:
            self.gs_generator_l1 = PlaneHead(self.config)
        if self.config.refiner:
            self.upsampler = Refiner(self.config)

    def lift(self, image: Tensor, source_camera: Tensor) -> Lifting:
        """Lift an RGB image [3, S, S] 0..1 (S is 518 as published), on black, seen from `source_camera` [3, 4]."""
        local, identity = (x[0] for x in self.base_model(image[None]))
        return self.lift_features(local, identity, source_camera)

    def lift_features(self, local: Tensor, identity: Tensor, source_camera: Tensor) -> Lifting:
        """Gaussians of what the backbone makes of an image: local [256, L, L] and global feature [768]."""
        size = self.config.plane_size
        points, direction = lifting_plane(source_camera, size)
        encoding = encode_direction(direction)
        grid = local
        if size != local.shape[-1]:
            grid = functional.interpolate(local[None], (size, size), mode="bilinear", align_corners=True)[0]
        front, offsets = self.gs_generator_l0(grid, encoding)
        layers, means = [front], [points + offsets * direction]
        if self.config.dual_lifting:
            back, offsets = self.gs_generator_l1(grid, encoding)
            layers.append(back)
            means.append(points - offsets * direction)
        mesh = self.gs_generator_g(self._vertex_codes(identity), encoding)
        parameters = GaussianParameters(*(torch.cat(parts).float() for parts in zip(mesh, *layers, strict=True)))
        return Lifting(local, identity, points, direction, encoding, parameters, torch.cat(means))

    def refine(self, features: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        """Rendered features [B, C, R, R] to RGB [B, 3, R, R] 0..1; R is 512 as published."""
        if not self.config.refiner:
            return features[:, :3].clamp(0, 1)
        return self.upsampler(features, noise)

    def _vertex_codes(self, identity: Tensor) -> Tensor:
        if not self.config.global_identity:
            return self.head_base
        return torch.cat([self.head_base, identity.expand(VERTICES, -1)], dim=1)
