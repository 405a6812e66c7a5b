"""The two kinds of Gaussian heads: a convolutional one per lifted plane, and an MLP for the expression Gaussians.

Both follow the published code, including three habits that look like slips and that its weights depend on. They are
marked where they happen.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import GAGAvatarConfig
from .geometry import ENCODING_SIZE

_MAX_SCALE = 0.05


class GaussianParameters(NamedTuple):
    """Parameters of N Gaussians of one head."""

    features: Tensor
    """[N, C]."""
    opacities: Tensor
    """[N, 1] 0..1."""
    scales: Tensor
    """[N, 3] 0..0.05 head units."""
    rotations: Tensor
    """[N, 4] quaternions, w first, used without normalization."""


class PlaneHead(nn.Module):
    """Gaussians of one lifted plane from the local feature map."""

    def __init__(self, config: GAGAvatarConfig) -> None:
        super().__init__()
        self.sizes = (config.feature_channels, 1, 3, 4, 1)
        hidden = config.head_channels
        self.gaussian_conv = nn.Sequential(
            nn.Conv2d(config.local_channels + ENCODING_SIZE, hidden, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(hidden, sum(self.sizes), 1),
        )  # fmt: skip

    def forward(self, local: Tensor, encoding: Tensor) -> tuple[GaussianParameters, Tensor]:
        """Local features [256, S, S] and encoding [27] to S * S Gaussians and their offsets [S * S, 1] 0..1."""
        maps = self.gaussian_conv[1:](self._first_conv(local, encoding))[0]
        features, opacities, scales, rotations, offsets = maps.split(self.sizes)
        # Published: the sigmoid meant for the RGB channels covers the first three columns of the map.
        features = torch.cat([features[..., :3].sigmoid(), features[..., 3:]], dim=-1)
        parameters = GaussianParameters(
            _rows(features),
            _rows(opacities.sigmoid()),
            _rows(scales.sigmoid() * _MAX_SCALE),
            _rows(functional.normalize(rotations, dim=0)),
        )
        return parameters, _rows(offsets.sigmoid())

    def _first_conv(self, local: Tensor, encoding: Tensor) -> Tensor:
        """Return the first convolution of the local features joined by the encoding at every pixel: [1, 128, S, S].

        The encoding's part is computed on a 3x3 map: away from the zero padding it is the same at all pixels.
        """
        conv, size = self.gaussian_conv[0], local.shape[-1]
        of_local, of_encoding = conv.weight.split((len(local), ENCODING_SIZE), dim=1)
        constant = encoding[None, :, None, None].expand(-1, -1, 3, 3)
        constant = functional.conv2d(constant, of_encoding, conv.bias, padding=1)
        nearest = torch.ones(size, dtype=torch.long, device=local.device)
        nearest[0], nearest[-1] = 0, 2
        return functional.conv2d(local[None], of_local, padding=1) + constant[:, :, nearest][..., nearest]


def _rows(maps: Tensor) -> Tensor:
    """[C, S, S] to [S * S, C]."""
    return maps.flatten(1).T


class ExpressionHead(nn.Module):
    """Gaussians bound to the vertices of the head model, from learned vertex codes and the global feature."""

    def __init__(self, config: GAGAvatarConfig) -> None:
        super().__init__()
        width = config.vertex_channels
        layers: list[nn.Module] = [nn.Linear(width + (config.backbone_width if config.global_identity else 0), width)]
        for _ in range(3):
            layers += [nn.ReLU(inplace=True), nn.Linear(width, width)]
        self.feature_layers = nn.Sequential(*layers)
        self.color_layers = _branch(config, config.feature_channels)
        self.opacity_layers = _branch(config, 1)
        self.scale_layers = _branch(config, 3)
        self.rotation_layers = _branch(config, 4)

    def forward(self, codes: Tensor, encoding: Tensor) -> GaussianParameters:
        """Codes [V, 1024] (or [V, 256] without the global feature) and encoding [27] to V Gaussians."""
        hidden = self.feature_layers(codes)
        hidden = torch.cat([hidden, encoding.expand(len(hidden), -1)], dim=-1)
        features = self.color_layers(hidden)
        return GaussianParameters(
            torch.cat([features[:, :3].sigmoid(), features[:, 3:]], dim=-1),
            self.opacity_layers(hidden).sigmoid(),
            self.scale_layers(hidden).sigmoid() * _MAX_SCALE,
            # Published: the quaternions' components are normalized over the vertices, not each quaternion.
            functional.normalize(self.rotation_layers(hidden), dim=0),
        )


def _branch(config: GAGAvatarConfig, outputs: int) -> nn.Sequential:
    hidden = config.head_channels
    return nn.Sequential(
        nn.Linear(config.vertex_channels + ENCODING_SIZE, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs)
    )
