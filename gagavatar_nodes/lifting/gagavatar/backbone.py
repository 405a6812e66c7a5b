"""Image features: DINOv2 ViT-B/14 (arXiv 2304.07193) and a DPT-style decoder (arXiv 2103.13413).

Module names are those of the published state dict.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import PATCH, GAGAvatarConfig

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


def normalize(image: Tensor) -> Tensor:
    """RGB [B, 3, H, W] 0..1 to the statistics of ImageNet."""
    mean = image.new_tensor(_IMAGENET_MEAN)[:, None, None]
    std = image.new_tensor(_IMAGENET_STD)[:, None, None]
    return (image - mean) / std


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, T, W] to the same."""
        q, k, v = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        return self.fc2(functional.gelu(self.fc1(tokens)))


class LayerScale(nn.Module):
    """A learned gain per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        return tokens * self.gamma


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width)
        self.ls2 = LayerScale(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class PatchEmbed(nn.Module):
    """A token per 14x14 patch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, PATCH)

    def forward(self, image: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        return self.proj(image).flatten(2).transpose(1, 2)


class DinoV2(nn.Module):
    """DINOv2 ViT-B/14 at its training resolution, 518x518; other sizes make a smaller network of its kind."""

    def __init__(self, config: GAGAvatarConfig) -> None:
        super().__init__()
        width = config.backbone_width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, config.grid**2 + 1, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # masked-image training only; part of the state dict
        self.patch_embed = PatchEmbed(width)
        self.blocks = nn.ModuleList(Block(width, config.backbone_heads) for _ in range(config.backbone_depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, image: Tensor, last: int) -> list[Tensor]:
        """Normed patch tokens [B, grid^2, width] of the `last` blocks, first to last."""
        tokens = self.patch_embed(image)
        tokens = torch.cat([self.cls_token.expand(len(image), -1, -1), tokens], dim=1) + self.pos_embed
        outputs = []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index >= len(self.blocks) - last:
                outputs.append(self.norm(tokens)[:, 1:])
        return outputs


class ResidualUnit(nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        return self.conv2(functional.relu(self.conv1(functional.relu(x)))) + x


class FusionBlock(nn.Module):
    """Adds a finer stage to a coarser one and resizes the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(channels, channels, 1)
        self.resConfUnit1 = ResidualUnit(channels)
        self.resConfUnit2 = ResidualUnit(channels)

    def forward(self, coarse: Tensor | None, stage: Tensor, size: int) -> Tensor:
        """[B, C, h, w] maps to [B, C, size, size]; the coarsest stage has nothing below it."""
        x = stage if coarse is None else coarse + self.resConfUnit1(stage)
        # A 1x1 convolution and an interpolation commute; this order convolves a quarter of the pixels.
        x = self.out_conv(self.resConfUnit2(x))
        return functional.interpolate(x, (size, size), mode="bilinear", align_corners=True)


class Backbone(nn.Module):
    """Source image to a local feature map and one global feature. Sizes below are the published ones."""

    def __init__(self, config: GAGAvatarConfig) -> None:
        super().__init__()
        c, local = config.stage_channels, config.local_channels
        self.grid = config.grid
        self.dino_model = DinoV2(config)
        self.projects = nn.ModuleList(nn.Conv2d(config.backbone_width, channels, 1) for channels in c)
        self.resize_layers = nn.ModuleList([
            nn.ConvTranspose2d(c[0], c[0], 4, 4),
            nn.ConvTranspose2d(c[1], c[1], 2, 2),
            nn.Identity(),
            nn.Conv2d(c[3], c[3], 3, 2, padding=1),
        ])  # fmt: skip
        self.layer_rn = nn.ModuleList(nn.Conv2d(channels + 3, local, 3, padding=1, bias=False) for channels in c)
        self.refinenet = nn.ModuleList(FusionBlock(local) for _ in c)
        self.output_conv = nn.Conv2d(local, local, 3, padding=1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """RGB [B, 3, 518, 518] 0..1 to (local [B, 256, 296, 296], global [B, 768])."""
        image = normalize(image)
        tokens = self.dino_model(image, last=len(self.projects))
        stages = [self._stage(i, feature, image) for i, feature in enumerate(tokens)]
        x = None
        for block, level in zip(self.refinenet, (3, 2, 1, 0), strict=True):
            size = stages[level - 1].shape[-1] if level else 2 * stages[0].shape[-1]
            x = block(x, stages[level], size)
        # The published model takes the first patch token where the class token was meant; its weights expect that.
        return self.output_conv(x), tokens[-1][:, 0]

    def _stage(self, index: int, tokens: Tensor, image: Tensor) -> Tensor:
        """One stage [B, 256, h, w] of the decoder's input, from tokens and the resized image."""
        feature = tokens.transpose(1, 2).unflatten(2, (self.grid, self.grid))
        feature = self.resize_layers[index](self.projects[index](feature))
        source = image.cpu() if image.device.type == "mps" else image  # not every macOS has the antialiased kernel
        small = functional.interpolate(source, feature.shape[-2:], mode="bilinear", antialias=True).to(image.device)
        return self.layer_rn[index](torch.cat([small, feature], dim=1))
