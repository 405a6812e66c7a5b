"""98 face landmarks (WFLW scheme) by a high-resolution network, with the names of the published state dict.

HRNet-W18 ("Deep high-resolution representation learning", Wang et al. 2020) with heatmaps decoded by the weighted
mean of their nine highest cells (H3R, Yu and Tao 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import BasicBlock, Bottleneck, from_state_dict

WIDTHS = (18, 36, 72, 144)
_CELL = 4.0  # crop pixels per heatmap cell
_PEAKS = 9

_UNUSED = (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 38, 39, 40, 41, 47, 48, 49, 50, 62, 66, 70, 74)
TO_70 = tuple(i for i in range(98) if i not in _UNUSED)
"""Which of the 98 landmarks are the 68 of the iBUG scheme and the two pupils, in its order."""


def _convolution(channels: int, out: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)]


class _Exchange(nn.Module):
    """Residual blocks in every branch, then each branch becomes the sum of all, brought to its resolution."""

    def __init__(self, branches: int) -> None:
        super().__init__()
        widths = WIDTHS[:branches]
        self.branches = nn.ModuleList(nn.Sequential(*(BasicBlock(w) for _ in range(4))) for w in widths)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(self._bring(source, target) for source in range(branches)) for target in range(branches)
        )

    @staticmethod
    def _bring(source: int, target: int) -> nn.Module:
        """From the resolution and width of one branch to those of another."""
        if source == target:
            return nn.Identity()
        if source > target:
            return nn.Sequential(
                nn.Conv2d(WIDTHS[source], WIDTHS[target], 1, bias=False),
                nn.BatchNorm2d(WIDTHS[target]),
                nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"),
            )
        halvings = [
            nn.Sequential(*_convolution(WIDTHS[source], WIDTHS[source], 2), nn.ReLU())
            for _ in range(target - source - 1)
        ]
        return nn.Sequential(*halvings, nn.Sequential(*_convolution(WIDTHS[source], WIDTHS[target], 2)))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        brought = ([bring(x) for bring, x in zip(row, maps, strict=True)] for row in self.fuse_layers)
        return [torch.stack(row).sum(0).relu() for row in brought]


class _HighResolution(nn.Module):
    """Picture [B, 3, 256, 256] -> features [B, 270, 64, 64]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(3)))
        self.transition1 = nn.ModuleList(
            [
                nn.Sequential(*_convolution(256, WIDTHS[0], 1), nn.ReLU()),
                nn.Sequential(nn.Sequential(*_convolution(256, WIDTHS[1], 2), nn.ReLU())),
            ]
        )
        self.stage2 = nn.ModuleList([_Exchange(2)])
        self.transition2 = self._add_branch(2)
        self.stage3 = nn.ModuleList(_Exchange(3) for _ in range(4))
        self.transition3 = self._add_branch(3)
        self.stage4 = nn.ModuleList(_Exchange(4) for _ in range(3))

    @staticmethod
    def _add_branch(branches: int) -> nn.ModuleList:
        """Return the next, coarser branch out of the last one; the others pass."""
        new = nn.Sequential(nn.Sequential(*_convolution(WIDTHS[branches - 1], WIDTHS[branches], 2), nn.ReLU()))
        return nn.ModuleList([*(nn.Identity() for _ in range(branches)), new])

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x)).relu()
        x = self.layer1(self.bn2(self.conv2(x)).relu())
        maps = [transition(x) for transition in self.transition1]
        for stage, transition in (
            (self.stage2, self.transition2),
            (self.stage3, self.transition3),
            (self.stage4, None),
        ):
            for exchange in stage:
                maps = exchange(maps)
            if transition is not None:
                maps = [*maps, transition[-1](maps[-1])]
        size = maps[0].shape[-2:]
        return torch.cat([functional.interpolate(m, size, mode="bilinear", align_corners=False) for m in maps], 1)


class _HeatmapHead(nn.Module):
    """Features [B, 270, 64, 64] -> landmarks [B, 98, 2] in crop pixels."""

    def __init__(self) -> None:
        super().__init__()
        features = sum(WIDTHS)
        layers = nn.Sequential(
            nn.Conv2d(features, features, 1, bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(),
            nn.Conv2d(features, 2 * 98, 1, bias=False),
        )
        self.head = nn.Module()
        self.head.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        heatmaps = self.head.layers(x)[:, 98:]  # the first half scores "not here"
        width = heatmaps.shape[-1]
        scores, cells = heatmaps.flatten(2).topk(_PEAKS, -1)
        points = torch.stack([cells % width, torch.div(cells, width, rounding_mode="floor")], -1).to(scores.dtype)
        return _CELL * (scores.softmax(-1)[..., None] * points).sum(-2)


class Landmarks98(nn.Module):
    """The whole network under the published names; build a filled one with `Landmarks98.load`."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = _HighResolution()
        self.heatmap_head = _HeatmapHead()

    @staticmethod
    def load(state_dict: Mapping[str, Any], name: str = "landmark weights") -> Landmarks98:
        """Return the network filled with the published state dict; `name` is used in errors."""
        return from_state_dict(Landmarks98, state_dict, name)

    def forward(self, crop: Tensor) -> Tensor:
        """Landmarks of B crops, see `detect`."""
        return self.heatmap_head(self.backbone(crop))


@torch.no_grad()
def detect(state_dict: Mapping[str, Any], crop: np.ndarray) -> np.ndarray:
    """98 landmarks [B, 98, 2] float32, x and y in pixels of the crop, from the published weights.

    `crop` [B, 3, 256, 256]: RGB 0..1 with ImageNet's mean taken off and divided by its deviation, the head box x 1.38.
    For many frames, keep a `Landmarks98.load(state_dict)` and call it.
    """
    return Landmarks98.load(state_dict)(torch.as_tensor(crop, dtype=torch.float32)).numpy()
