"""EMICA: FLAME codes from two face crops, by three encoders with the names of the published state dict.

Shape comes from MICA ("Toward metrical reconstruction of human faces", Zielonka et al. 2022): an ArcFace network and
a small mapping network; jaw, global pose, camera, texture and light from DECA's ResNet-50 ("Learning an animatable
detailed 3D face model", Feng et al. 2021); expression from a second ResNet-50 trained for EMOCA.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import Bottleneck, container, from_state_dict, shortcut

_DECA_PARTS = {"texcode": 50, "jawpose": 3, "globalpose": 3, "cam": 3, "lightcode": 27}


class _ArcFaceBlock(nn.Module):
    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.prelu = nn.PReLU(out)
        self.conv2 = nn.Conv2d(out, out, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = shortcut(channels, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        y = self.bn3(self.conv2(y))
        return y + (x if self.downsample is None else self.downsample(x))


class _ArcFace(nn.Module):
    """The 100-layer residual network of ArcFace: 112x112 face -> 512 identity features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        self.layer1 = self._layer(64, 64, 3)
        self.layer2 = self._layer(64, 128, 13)
        self.layer3 = self._layer(128, 256, 30)
        self.layer4 = self._layer(256, 512, 3)
        self.bn2 = nn.BatchNorm2d(512)
        self.fc = nn.Linear(512 * 7 * 7, 512)
        self.features = nn.BatchNorm1d(512)

    @staticmethod
    def _layer(channels: int, out: int, blocks: int) -> nn.Sequential:
        first = _ArcFaceBlock(channels, out, stride=2)
        return nn.Sequential(first, *(_ArcFaceBlock(out, out, stride=1) for _ in range(blocks - 1)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.features(self.fc(self.bn2(x).flatten(1)))


class _ShapeRegressor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = nn.ModuleList([nn.Linear(512, 300), *(nn.Linear(300, 300) for _ in range(3))])
        self.output = nn.Linear(300, 300)

    def forward(self, identity: Tensor) -> Tensor:
        x = identity
        for layer in self.network:
            x = functional.leaky_relu(layer(x), 0.2)
        return self.output(x)


class ResNet50(nn.Module):
    """ResNet-50 without its last layer: 224x224 picture -> 2048 features. Names are the published ones."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = self._layer(64, 64, 3, stride=1)
        self.layer2 = self._layer(256, 128, 4, stride=2)
        self.layer3 = self._layer(512, 256, 6, stride=2)
        self.layer4 = self._layer(1024, 512, 3, stride=2)

    @staticmethod
    def _layer(channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
        rest = (Bottleneck(4 * width, width) for _ in range(blocks - 1))
        return nn.Sequential(Bottleneck(channels, width, stride), *rest)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        x = functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))


class Encoder(nn.Module):
    """ResNet-50 and two linear layers: faces [B, 3, 224, 224] RGB 0..1 -> codes [B, outputs]."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.encoder = ResNet50()
        self.layers = nn.Sequential(nn.Linear(2048, 1024), nn.ReLU(), nn.Linear(1024, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        return self.layers(self.encoder(x))


class Emica(nn.Module):
    """The three encoders under the published names; build a filled one with `Emica.load`."""

    def __init__(self) -> None:
        super().__init__()
        mica = container(arcface=_ArcFace(), flameModel=container(regressor=_ShapeRegressor()))
        self.mica_encoder = container(E_mica=mica)
        self.deca_encoder = container(encoder=Encoder(sum(_DECA_PARTS.values())))
        self.expression_encoder = container(encoder=Encoder(100))

    @staticmethod
    def load(state_dict: Mapping[str, Any], name: str = "EMICA weights") -> Emica:
        """Return the network filled with the published state dict; `name` is used in errors."""
        return from_state_dict(Emica, state_dict, name)

    def forward(self, face_224: Tensor, face_112: Tensor) -> dict[str, Tensor]:
        """FLAME codes of B faces, see `encode`."""
        mica = self.mica_encoder.E_mica
        identity = functional.normalize(mica.arcface(face_112))
        deca = self.deca_encoder.encoder(face_224).split(list(_DECA_PARTS.values()), -1)
        return {
            "shapecode": mica.flameModel.regressor(identity),
            "identity": identity,
            "expcode": self.expression_encoder.encoder(face_224),
            **dict(zip(_DECA_PARTS, deca, strict=True)),
        }


@torch.no_grad()
def encode(state_dict: Mapping[str, Any], face_224: np.ndarray, face_112: np.ndarray) -> dict[str, np.ndarray]:
    """FLAME codes of B faces from the published weights.

    `face_224` [B, 3, 224, 224] RGB 0..1, the face box x 1.1 x 1.25; `face_112` [B, 3, 112, 112] RGB -1..1, aligned
    for ArcFace. Returns float32 arrays: shapecode [B, 300], identity [B, 512] of norm 1, expcode [B, 100], texcode
    [B, 50], jawpose [B, 3], globalpose [B, 3] (axis-angle), cam [B, 3], lightcode [B, 27].

    To encode many frames, keep an `Emica.load(state_dict)` and call it.
    """
    faces = (torch.as_tensor(f, dtype=torch.float32) for f in (face_224, face_112))
    return {name: code.numpy() for name, code in Emica.load(state_dict)(*faces).items()}
