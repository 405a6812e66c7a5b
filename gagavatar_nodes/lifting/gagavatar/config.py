"""What can be chosen about the network. The defaults are the published model; `PRESETS` are its variants."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

VERTICES = 5023
"""Vertices of FLAME, one expression Gaussian each."""
IMAGE_SIZE = 518
"""Edge in pixels of the source image that the backbone reads: 37 patches of 14."""
RENDER_SIZE = 512
"""Edge in pixels of rendered images."""
PATCH = 14
"""Edge in pixels of the backbone's patches."""


@dataclass(frozen=True)
class GAGAvatarConfig:
    """Variant of the network. A published checkpoint needs all defaults.

    The three switches are the rows of the paper's ablation (arXiv 2410.07971, section 4.3); the rest are sizes.
    """

    feature_channels: int = 32
    """Channels of a Gaussian's feature; the first three are coarse RGB."""
    plane_size: int = 296
    """Gaussians along an edge of each lifted plane."""
    dual_lifting: bool = True
    """False: one plane, lifted toward the back of the source camera's view only."""
    global_identity: bool = True
    """False: expression Gaussians do not see the source image's global feature."""
    refiner: bool = True
    """False: no neural renderer; the picture is the coarse RGB."""
    image_size: int = IMAGE_SIZE
    """Edge in pixels of the source image that the backbone reads, a multiple of 14."""
    render_size: int = RENDER_SIZE
    """Edge in pixels of rendered images, a power of two."""
    backbone_width: int = 768
    """Channels of the backbone's tokens, and of the global feature."""
    backbone_depth: int = 12
    """Blocks of the backbone, at least 4."""
    backbone_heads: int = 12
    """Attention heads of each block."""
    stage_channels: tuple[int, int, int, int] = (256, 512, 1024, 1024)
    """Channels of the four stages between backbone and decoder, finest first."""
    local_channels: int = 256
    """Channels of the local feature map."""
    vertex_channels: int = 256
    """Channels of a vertex's learned code and of the expression head's hidden layers."""
    head_channels: int = 128
    """Hidden channels of the convolutional heads and of the expression head's branches."""
    refiner_channels: int = 512
    """Most channels of the neural renderer's generator, and the length of its style code; its U-Net has half."""
    refiner_last_channels: int = 32
    """The generator's channels at the full size; they double with each halving, up to the most."""

    def __post_init__(self) -> None:
        if self.image_size % PATCH:
            raise ValueError(f"Got a source image of {self.image_size} pixels but patches of {PATCH} must fill it.")
        if self.render_size < 8 or self.render_size & (self.render_size - 1):
            raise ValueError(f"Got pictures of {self.render_size} pixels but expected a power of two, 8 or more.")
        if self.backbone_depth < len(self.stage_channels):
            raise ValueError(f"Got a backbone of {self.backbone_depth} blocks but the decoder reads the last 4.")
        if self.backbone_width % self.backbone_heads:
            raise ValueError(f"{self.backbone_heads} attention heads cannot share {self.backbone_width} channels.")
        if self.feature_channels < 3:
            raise ValueError(f"Got {self.feature_channels} feature channels but the first 3 are RGB.")
        if self.plane_size < 8:
            raise ValueError(f"Got a plane of {self.plane_size} Gaussians an edge but 8 is the least.")

    @property
    def gaussians(self) -> int:
        """Number of Gaussians: mesh, then front plane, then back plane."""
        return VERTICES + (2 if self.dual_lifting else 1) * self.plane_size**2

    @property
    def grid(self) -> int:
        """Patches along an edge of the source image."""
        return self.image_size // PATCH

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as files store them."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> GAGAvatarConfig:
        """From plain values; names that it does not know, such as those of earlier files, are left out."""
        known = {field.name for field in fields(GAGAvatarConfig)}
        values = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items() if name in known}
        return GAGAvatarConfig(**values)


TINY = GAGAvatarConfig(
    feature_channels=16, plane_size=72, image_size=126, render_size=128, backbone_width=96, backbone_depth=4,
    backbone_heads=4, stage_channels=(32, 48, 64, 64), local_channels=32, vertex_channels=64, head_channels=32,
    refiner_channels=64, refiner_last_channels=8,
)  # fmt: skip
"""Of the same build, and small enough to be trained by two processor cores in minutes."""

PRESETS = {
    "full": GAGAvatarConfig(),
    "one_plane": GAGAvatarConfig(dual_lifting=False),
    "without_identity": GAGAvatarConfig(global_identity=False),
    "without_refiner": GAGAvatarConfig(refiner=False),
    "tiny": TINY,
    "tiny_one_plane": replace(TINY, dual_lifting=False),
    "tiny_without_identity": replace(TINY, global_identity=False),
    "tiny_without_refiner": replace(TINY, refiner=False),
}
"""The rows of the paper's Table 3 that change the network (the fourth leaves a loss out), full and tiny."""
