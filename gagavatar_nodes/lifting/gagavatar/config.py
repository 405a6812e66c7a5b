"""What can be chosen about the network. The defaults are the published model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

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
    """Variant of the network. A published checkpoint needs all defaults but the noise's.

    The three switches are the rows of the paper's ablation (arXiv 2410.07971, section 4.3).
    """

    feature_channels: int = 32
    """Channels of a Gaussian's feature; the first three are coarse RGB."""
    plane_size: int = LOCAL_SIZE
    """Gaussians along an edge of each lifted plane."""
    noise: Literal["stored", "fresh"] = "stored"
    """The refiner's noise: the checkpoint's buffers (a still driver gives a still video), or drawn per frame."""
    noise_seed: int = 0
    """Seed of fresh noise; frame k of a seed always gets the same noise."""
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
        if self.noise not in ("stored", "fresh"):
            raise ValueError(f"Got noise {self.noise!r} but expected 'stored' or 'fresh'.")

    @property
    def gaussians(self) -> int:
        """Number of Gaussians: mesh, then front plane, then back plane."""
        return VERTICES + (2 if self.dual_lifting else 1) * self.plane_size**2

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as files store them."""
        return asdict(self)
