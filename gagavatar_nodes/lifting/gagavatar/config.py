"""What can be chosen about the network. The defaults are the published model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

VERTICES = 5023
"""Vertices of FLAME, one expression Gaussian each."""
IMAGE_SIZE = 518
"""Edge in pixels of the source image that the backbone reads: 37 patches of 14."""
RENDER_SIZE = 512
"""Edge in pixels of rendered images."""
LOCAL_SIZE = 296
"""Edge of the backbone's local feature map."""


@dataclass(frozen=True)
class GAGAvatarConfig:
    """Variant of the network. A published checkpoint needs all defaults.

    The three switches are the rows of the paper's ablation (arXiv 2410.07971, section 4.3).
    """

    feature_channels: int = 32
    """Channels of a Gaussian's feature; the first three are coarse RGB."""
    plane_size: int = LOCAL_SIZE
    """Gaussians along an edge of each lifted plane."""
    dual_lifting: bool = True
    """False: one plane, lifted towards the back of the source camera's view only."""
    global_identity: bool = True
    """False: expression Gaussians do not see the source image's global feature."""
    refiner: bool = True
    """False: no neural renderer; the picture is the coarse RGB."""

    def __post_init__(self) -> None:
        if self.feature_channels < 3:
            raise ValueError(f"Got {self.feature_channels} feature channels but the first 3 are RGB.")
        if self.plane_size < 8:
            raise ValueError(f"Got a plane of {self.plane_size} Gaussians an edge but 8 is the least.")

    @property
    def gaussians(self) -> int:
        """Number of Gaussians: mesh, then front plane, then back plane."""
        return VERTICES + (2 if self.dual_lifting else 1) * self.plane_size**2

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as files store them."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> GAGAvatarConfig:
        """From plain values; names that it does not know, such as those of earlier files, are left out."""
        known = {field.name for field in fields(GAGAvatarConfig)}
        return GAGAvatarConfig(**{name: value for name, value in values.items() if name in known})
