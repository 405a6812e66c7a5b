"""The neural renderer: a U-Net that steers a StyleGAN2-type generator (after GFPGAN, arXiv 2101.04061).

Module names are those of the published state dict. This is the readable, differentiable form; `fast_refiner` computes
the same with fewer passes over memory.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import RENDER_SIZE, GAGAvatarConfig

SLOPE = 0.2
_STYLE_LAYERS = 8
_EPS = 1e-8


def resize(x: Tensor, factor: float) -> Tensor:
    """Bilinear, pixel centers at halves."""
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU in place; `x` must be a fresh result."""
    return functional.leaky_relu_(x, SLOPE)


def stage_sizes(render_size: int = RENDER_SIZE) -> list[int]:
    """Edges of the generator's stages after the constant 4x4 input: 8, 16, ... up to `render_size`."""
    return [2**power for power in range(3, render_size.bit_length())]


def noise_sizes(render_size: int = RENDER_SIZE) -> list[int]:
    """Edges of the noise maps, 15 at 512x512: one at 4, two for each later stage."""
    return [4, *(size for size in stage_sizes(render_size) for _ in range(2))]


def fresh_noise(seed: int, frame: int, render_size: int = RENDER_SIZE) -> list[Tensor]:
    """Return the noise maps [1, 1, r, r] of a frame: the same for the same seed and frame on every device."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + frame) % 2**63)
    return [torch.randn(1, 1, size, size, generator=generator) for size in noise_sizes(render_size)]


def generator_channels(config: GAGAvatarConfig) -> dict[int, int]:
    """Edge of a map of the generator -> its channels; the U-Net has half as many."""
    last, size = config.refiner_last_channels, config.render_size
    return {edge: min(config.refiner_channels, last * size // edge) for edge in (4, *stage_sizes(size))}


class ResizeBlock(nn.Module):
    """Residual block that halves or doubles the map's edge."""

    def __init__(self, inputs: int, outputs: int, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.conv2 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        out = leaky(self.conv2(resize(leaky(self.conv1(x)), self.factor)))
        return out + self.skip(resize(x, self.factor))


class ModulatedConv(nn.Module):
    """Convolution whose input channels are scaled by a style (StyleGAN2, arXiv 1912.04958, section 2.2)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, style: int, demodulate: bool) -> None:
        super().__init__()
        self.demodulate = demodulate
        self.modulation = nn.Linear(style, inputs)
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, kernel, kernel) / math.sqrt(inputs * kernel**2))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """[B, I, H, W] and style [B, S] to [B, O, H, W]."""
        batch, _, height, width = x.shape
        weight = self.weight * self.modulation(style)[:, None, :, None, None]
        if self.demodulate:
            weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + _EPS)
        padding = weight.shape[-1] // 2
        out = functional.conv2d(x.reshape(1, -1, height, width), weight.flatten(0, 1), padding=padding, groups=batch)
        return out.view(batch, -1, height, width)


class StyleConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, style: int, upsample: bool) -> None:
        super().__init__()
        self.upsample = upsample
        self.modulated_conv = ModulatedConv(inputs, outputs, 3, style, demodulate=True)
        self.weight = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(1, outputs, 1, 1))

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        if self.upsample:
            x = resize(x, 2)
        return leaky(self.modulated_conv(x, style) * math.sqrt(2) + self.weight * noise + self.bias)


class ToRGB(nn.Module):
    """A stage's contribution to the picture."""

    def __init__(self, inputs: int, style: int) -> None:
        super().__init__()
        self.modulated_conv = ModulatedConv(inputs, 3, 1, style, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, style: Tensor, picture: Tensor | None) -> Tensor:
        """Return the module's output; see the class."""
        out = self.modulated_conv(x, style) + self.bias
        return out if picture is None else out + resize(picture, 2)


class NormStyle(nn.Module):
    """Style codes [B, S] to unit mean square."""

    def forward(self, style: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        return style * torch.rsqrt(style.square().mean(1, keepdim=True) + _EPS)


class ConstantInput(nn.Module):
    """The learned 4x4 map a generator starts from."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, channels, 4, 4))


class Noises(nn.Module):
    """The stored noise maps, `noise0` to `noise14` at 512x512."""

    def __init__(self, render_size: int) -> None:
        super().__init__()
        for index, size in enumerate(noise_sizes(render_size)):
            self.register_buffer(f"noise{index}", torch.randn(1, 1, size, size))

    def maps(self) -> list[Tensor]:
        """Return the noise maps, coarsest first."""
        return list(self.buffers())


class Generator(nn.Module):
    """StyleGAN2-type generator whose stages are scaled and shifted by condition maps."""

    def __init__(self, config: GAGAvatarConfig) -> None:
        super().__init__()
        c, style = generator_channels(config), config.refiner_channels
        layers: list[nn.Module] = [NormStyle()]
        for _ in range(_STYLE_LAYERS):
            layers += [nn.Linear(style, style), nn.LeakyReLU(SLOPE, inplace=True)]
        self.style_mlp = nn.Sequential(*layers)
        self.constant_input = ConstantInput(c[4])
        self.style_conv1 = StyleConv(c[4], c[4], style, upsample=False)
        self.to_rgb1 = ToRGB(c[4], style)
        self.style_convs, self.to_rgbs = nn.ModuleList(), nn.ModuleList()
        for size in stage_sizes(config.render_size):
            self.style_convs.append(StyleConv(c[size // 2], c[size], style, upsample=True))
            self.style_convs.append(StyleConv(c[size], c[size], style, upsample=False))
            self.to_rgbs.append(ToRGB(c[size], style))
        self.noises = Noises(config.render_size)

    def forward(self, code: Tensor, conditions: list[tuple[Tensor, Tensor]], noise: list[Tensor]) -> Tensor:
        """Style code [B, S], a (scale, shift) pair per stage and the noise maps to [B, 3, R, R]."""
        style = self.style_mlp(code)
        x = self.constant_input.weight.expand(len(code), -1, -1, -1)
        x = self.style_conv1(x, style, noise[0])
        picture = self.to_rgb1(x, style, None)
        for stage, (scale, shift) in enumerate(conditions):
            x = self.style_convs[2 * stage](x, style, noise[2 * stage + 1])
            x = self.style_convs[2 * stage + 1](x * scale + shift, style, noise[2 * stage + 2])
            picture = self.to_rgbs[stage](x, style, picture)
        return picture


class Refiner(nn.Module):
    """Rendered features to the picture."""

    def __init__(self, config: GAGAvatarConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or GAGAvatarConfig()
        sizes = stage_sizes(config.render_size)
        c = {size: channels // 2 for size, channels in generator_channels(config).items()}
        self.conv_body_first = nn.Conv2d(config.feature_channels, c[config.render_size], 1)
        self.conv_body_down = nn.ModuleList(ResizeBlock(c[size], c[size // 2], 0.5) for size in reversed(sizes))
        self.final_conv = nn.Conv2d(c[4], c[4], 3, padding=1)
        self.conv_body_up = nn.ModuleList(ResizeBlock(c[size // 2], c[size], 2) for size in sizes)
        # Intermediate pictures of the training recipe; inference reads none of them, the state dict has them.
        self.toRGB = nn.ModuleList(nn.Conv2d(c[size], 3, 1) for size in sizes)
        self.final_linear = nn.Linear(c[4] * 4 * 4, config.refiner_channels)
        self.stylegan_decoder = Generator(config)
        self.condition_scale = nn.ModuleList(_condition(c[size]) for size in sizes)
        self.condition_shift = nn.ModuleList(_condition(c[size]) for size in sizes)

    def forward(self, features: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        """Features [B, C, R, R] to RGB [B, 3, R, R] 0..1. `noise` None takes the stored maps."""
        x = leaky(self.conv_body_first(features))
        skips = []
        for block in self.conv_body_down:
            x = block(x)
            skips.append(x)
        x = leaky(self.final_conv(x))
        code = self.final_linear(x.flatten(1))
        conditions = []
        for block, scale, shift in zip(self.conv_body_up, self.condition_scale, self.condition_shift, strict=True):
            x = block(x + skips.pop())
            conditions.append((scale(x), shift(x)))
        noise = self.stylegan_decoder.noises.maps() if noise is None else noise
        return torch.sigmoid(self.stylegan_decoder(code, conditions, noise))


def _condition(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.Conv2d(channels, 2 * channels, 3, padding=1),
    )
