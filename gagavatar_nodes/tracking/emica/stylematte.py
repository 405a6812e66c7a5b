"""StyleMatte: the published tracker's matting network, on a Mask2Former body (Swin-T, deformable pixel decoder)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import container, from_state_dict
from .crops import normalize, resize
from .pixel_decoder import WIDTH, PixelDecoder
from .swin import SwinTiny

LARGEST = 1024
"""Longest edge in pixels at which pictures are matted."""
_STRIDE = 8
_EPSILON = 1e-4  # of the guided filter


class _Fusion(nn.Module):
    """The decoder's maps, coarse to fine, added up to the finest; the three steps share one convolution's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1x1 = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 1) for _ in range(3))
        self.smooth_conv = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in range(3))
        self.conv_fusion = nn.Sequential(
            nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU()
        )

    def forward(self, maps: list[Tensor]) -> Tensor:
        *coarse, finest = maps
        x, *finer = (conv(scale) for conv, scale in zip(self.conv1x1, coarse, strict=True))
        for smooth, scale in zip(self.smooth_conv, [*finer, finest], strict=True):
            x = _enlarge(smooth(x), scale) + scale
        return self.conv_fusion(torch.cat([x, finest], 1))


class StyleMatte(nn.Module):
    """The network under the published names; build a filled one with `StyleMatte.load`."""

    def __init__(self) -> None:
        super().__init__()
        self.fpn = _Fusion()
        self.pixel_decoder = container(encoder=SwinTiny(), decoder=PixelDecoder())
        self.conv = nn.Conv2d(WIDTH, 1, 3, padding=1)

    @staticmethod
    def load(state_dict: Mapping[str, Any], name: str = "StyleMatte weights") -> StyleMatte:
        """Return the network filled with the published state dict; `name` is used in errors."""
        return from_state_dict(StyleMatte, state_dict, name)

    def forward(self, image: Tensor) -> Tensor:
        """Alpha [B, 1, H, W] 0..1 of pictures [B, 3, H, W], normalized as ImageNet's, edges multiples of 8."""
        maps = self.pixel_decoder.decoder(self.pixel_decoder.encoder(image))
        guide = image.mean(1, keepdim=True)
        coarse = functional.interpolate(guide, scale_factor=0.25, mode="bicubic", align_corners=True)
        return torch.sigmoid(guided_upsampling(coarse, self.conv(self.fpn(maps)), guide))

    @torch.no_grad()
    def alpha(self, picture: Tensor) -> Tensor:
        """Alpha [H, W] 0..1 of a picture [3, H, W] 0..255 RGB."""
        _, height, width = picture.shape
        scale = min(1.0, LARGEST / max(height, width))
        small = picture / 255
        if scale < 1:
            small = resize(small, max(1, int(height * scale)), max(1, int(width * scale)))
        top, left = -small.shape[1] % _STRIDE, -small.shape[2] % _STRIDE
        padded = functional.pad(small[None], (left, 0, top, 0), mode="reflect")
        found = self(normalize(padded))[0, :, top:, left:]
        return (resize(found, height, width) if scale < 1 else found)[0]


def guided_upsampling(guide: Tensor, values: Tensor, fine_guide: Tensor) -> Tensor:
    """Values [B, 1, h, w] brought to the size of `fine_guide` [B, 1, H, W], along the edges of the guide.

    The fast guided filter (He and Sun, arXiv 1505.00996) with a radius of one pixel.
    """
    mean_x, mean_y = _mean(guide), _mean(values)
    slope = (_mean(guide * values) - mean_x * mean_y) / (_mean(guide * guide) - mean_x * mean_x + _EPSILON)
    offset = mean_y - slope * mean_x
    return _enlarge(slope, fine_guide) * fine_guide + _enlarge(offset, fine_guide)


def _mean(x: Tensor) -> Tensor:
    """Of the 3x3 neighborhood, as far as it is in the picture."""
    return functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)
