"""The neural renderer for inference: the function of `refiner.Refiner` in fewer passes over memory.

What differs from the readable form, each equal up to rounding:
    - halving by bilinear interpolation is a 2x2 mean;
    - a 1x1 convolution and an upsampling commute, so skips are convolved before they grow;
    - a modulated convolution scales its weights where these are smaller than its input map, else the map's channels
      before and after a fixed convolution (StyleGAN2, arXiv 1912.04958, appendix B), which also serves a whole batch;
    - noise and bias are one addition.
Styles, demodulation and the running picture stay in float32 whatever the precision of the convolutions.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .refiner import SLOPE, ModulatedConv, Refiner, ResizeBlock, StyleConv, ToRGB, noise_sizes, resize

CPU_STRIPS = 4
"""Strips on a CPU: the last stage's largest maps are over 32 MiB, which the C library's allocator returns to the system
at once; getting them back page by page takes a sixth of a float32 frame and a tenth of a bfloat16 one."""
_MARGIN = 8  # rows; a border that is not the picture's spoils seven
_EPS = 1e-8


class FastRefiner(nn.Module):
    """Inference-only form of a refiner, in `dtype`; the given refiner keeps its own weights."""

    def __init__(
        self, refiner: Refiner, dtype: torch.dtype = torch.float32, channels_last: bool = True, strips: int = 1
    ) -> None:
        """`strips`: parts in which the last stage is computed, a divisor of 256; see `CPU_STRIPS`."""
        super().__init__()
        self.dtype, self.strips = dtype, strips
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        generator = refiner.stylegan_decoder
        self.first = self._conv(refiner.conv_body_first)
        self.down = nn.ModuleList(_Down(self, block) for block in refiner.conv_body_down)
        self.bottom = self._conv(refiner.final_conv)
        self.code = _linear(refiner.final_linear)
        self.up = nn.ModuleList(_Up(self, block) for block in refiner.conv_body_up)
        self.scale = nn.ModuleList(_Condition(self, layers) for layers in refiner.condition_scale)
        self.shift = nn.ModuleList(_Condition(self, layers) for layers in refiner.condition_shift)
        self.style = nn.Sequential(*(
            _linear(layer) if isinstance(layer, nn.Linear) else layer for layer in generator.style_mlp
        ))  # fmt: skip
        self.register_buffer("constant", generator.constant_input.weight.detach().to(dtype))
        sizes = noise_sizes(refiner.config.render_size)
        self.style_convs = nn.ModuleList(
            _ModulatedConvolution(self, layer, size)
            for layer, size in zip([generator.style_conv1, *generator.style_convs], sizes, strict=True)
        )
        self.to_rgbs = nn.ModuleList(_Picture(self, layer) for layer in [generator.to_rgb1, *generator.to_rgbs])
        self.noises = nn.ParameterList(
            nn.Parameter(noise.detach().clone(), requires_grad=False) for noise in generator.noises.maps()
        )
        self.eval().requires_grad_(False)

    def forward(self, features: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        """Features [B, C, 512, 512] to RGB [B, 3, 512, 512] float32 0..1. `noise` None takes the stored maps."""
        return torch.sigmoid(self.logits(features, noise))

    def logits(self, features: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        """Return the picture before its sigmoid. An overflow anywhere inside leaves infinity or NaN in it."""
        noise = list(self.noises) if noise is None else noise
        x = _leaky(self.first(features.to(self.dtype, memory_format=self.layout)))
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        x = _leaky(self.bottom(x))
        style = self.style(self.code(x.float().flatten(1)))
        y = self.constant.expand(len(x), -1, -1, -1).contiguous(memory_format=self.layout)
        y = self.style_convs[0](y, style, noise[0])
        picture = self.to_rgbs[0](y, style)
        for stage, maps in enumerate(zip(noise[1::2], noise[2::2], strict=True)):
            x = x + skips.pop()
            if stage == len(self.up) - 1 and self.strips > 1:
                rgb = self._last_stage_by_strips(x, y, style, maps)
            else:
                x, y, rgb = self._stage(stage, x, y, style, maps)
            picture = resize(picture, 2) + rgb
        return picture

    def _stage(
        self, stage: int, x: Tensor, y: Tensor, style: Tensor, noise: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """U-Net map, generator map and contribution to the picture of a stage, from the maps before it."""
        x = self.up[stage](x)
        y = self.style_convs[2 * stage + 1](y, style, noise[0])
        y = torch.addcmul(self.shift[stage](x), y, self.scale[stage](x))
        y = self.style_convs[2 * stage + 2](y, style, noise[1])
        return x, y, self.to_rgbs[stage + 1](y, style)

    def _last_stage_by_strips(self, x: Tensor, y: Tensor, style: Tensor, noise: tuple[Tensor, Tensor]) -> Tensor:
        """The contribution [B, 3, 512, 512] of the last stage, a strip of rows at a time with a margin around it."""
        size = 2 * x.shape[2]
        rows, parts = size // self.strips, []
        for top in range(0, size, rows):
            start, stop = max(0, top - _MARGIN), min(size, top + rows + _MARGIN)
            low, high = slice(start // 2, stop // 2), slice(start, stop)
            maps = noise[0][:, :, high], noise[1][:, :, high]
            rgb = self._stage(len(self.up) - 1, x[:, :, low], y[:, :, low], style, maps)[2]
            parts.append(rgb[:, :, top - start : top - start + rows])
        return torch.cat(parts, dim=2)

    def _conv(self, layer: nn.Conv2d) -> nn.Conv2d:
        """Return a copy of `layer` in this refiner's precision and layout."""
        copy = nn.Conv2d(
            layer.in_channels, layer.out_channels, layer.kernel_size, padding=layer.padding,
            bias=layer.bias is not None, device="meta",
        )  # fmt: skip
        copy.weight = nn.Parameter(layer.weight.detach().to(self.dtype, memory_format=self.layout, copy=True))
        if layer.bias is not None:
            copy.bias = nn.Parameter(layer.bias.detach().to(self.dtype, copy=True))
        return copy


class _Down(nn.Module):
    def __init__(self, parent: FastRefiner, block: ResizeBlock) -> None:
        super().__init__()
        self.conv1, self.conv2, self.skip = (parent._conv(x) for x in (block.conv1, block.conv2, block.skip))

    def forward(self, x: Tensor) -> Tensor:
        out = _leaky(self.conv2(functional.avg_pool2d(_leaky(self.conv1(x)), 2)))
        return out.add_(self.skip(functional.avg_pool2d(x, 2)))


class _Up(nn.Module):
    def __init__(self, parent: FastRefiner, block: ResizeBlock) -> None:
        super().__init__()
        self.conv1, self.conv2, self.skip = (parent._conv(x) for x in (block.conv1, block.conv2, block.skip))

    def forward(self, x: Tensor) -> Tensor:
        out = _leaky(self.conv2(resize(_leaky(self.conv1(x)), 2)))
        return out.add_(resize(self.skip(x), 2))


class _Condition(nn.Module):
    def __init__(self, parent: FastRefiner, layers: nn.Sequential) -> None:
        super().__init__()
        self.conv1, self.conv2 = parent._conv(layers[0]), parent._conv(layers[2])

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(_leaky(self.conv1(x)))


class _ModulatedConvolution(nn.Module):
    """A style convolution with its noise, bias and activation, at output edge `size`."""

    def __init__(self, parent: FastRefiner, layer: StyleConv, size: int) -> None:
        super().__init__()
        self.upsample, self.dtype, self.layout = layer.upsample, parent.dtype, parent.layout
        conv = layer.modulated_conv
        self.modulation = _linear(conv.modulation)
        weight = conv.weight.detach()[0]
        self.scales_weight = 9 * weight.shape[0] <= (size // 2 if self.upsample else size) ** 2
        precision = torch.float32 if self.scales_weight else self.dtype
        self.register_buffer("weight", weight.to(precision, memory_format=self.layout, copy=True))
        self.register_buffer("energy", weight.float().square().sum((2, 3)))
        self.register_buffer("bias", layer.bias.detach().to(self.dtype, copy=True))
        self.register_buffer("strength", layer.weight.detach().to(self.dtype, copy=True))

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        style = self.modulation(style)
        gain = math.sqrt(2) * torch.rsqrt(style.square() @ self.energy.T + _EPS)
        noise = noise.to(self.dtype) * self.strength
        if len(x) == 1 and self.scales_weight:
            weight = self.weight * style[0, :, None, None] * gain[0, :, None, None, None]
            x = resize(x, 2) if self.upsample else x
            weight = weight.to(self.dtype, memory_format=self.layout)
            return _leaky(functional.conv2d(x, weight, self.bias.flatten(), padding=1).add_(noise))
        x = x * style.to(self.dtype)[:, :, None, None]
        x = resize(x, 2) if self.upsample else x
        x = functional.conv2d(x, self.weight.to(self.dtype), padding=1)
        offset = (noise + self.bias).contiguous(memory_format=self.layout)  # its layout becomes the result's
        return _leaky(torch.addcmul(offset, x, gain.to(self.dtype)[:, :, None, None]))


class _Picture(nn.Module):
    """A stage's contribution to the picture, [B, 3, H, W] float32."""

    def __init__(self, parent: FastRefiner, layer: ToRGB) -> None:
        super().__init__()
        self.dtype = parent.dtype
        conv: ModulatedConv = layer.modulated_conv
        self.modulation = _linear(conv.modulation)
        self.register_buffer("weight", conv.weight.detach()[0, :, :, 0, 0].float().clone())
        self.register_buffer("bias", layer.bias.detach().float().clone())

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        weight = (self.weight * self.modulation(style)[:, None]).to(self.dtype)
        if len(x) == 1:
            return functional.conv2d(x, weight[0, :, :, None, None]).float() + self.bias
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2) @ weight.transpose(1, 2)
        return pixels.float().transpose(1, 2).unflatten(2, x.shape[2:]) + self.bias


def _linear(layer: nn.Linear) -> nn.Linear:
    copy = nn.Linear(layer.in_features, layer.out_features, device="meta")
    copy.weight = nn.Parameter(layer.weight.detach().float().clone())
    copy.bias = nn.Parameter(layer.bias.detach().float().clone())
    return copy


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu_(x, SLOPE)
