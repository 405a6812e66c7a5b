"""Cameras, the plane of the dual lifting, and the encoding of its direction (paper section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from ...types import FOCAL

_OCTAVES = 4
ENCODING_SIZE = 3 * 2 * _OCTAVES + 3
_NEAR, _FAR = 0.01, 100.0


def lifting_plane(camera: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the plane through the world origin that faces `camera` [3, 4].

    Returns points [size * size, 3], one per pixel ray in row-major order, and the unit direction [3] along which the
    layers leave it, away from the camera.
    """
    R, t = camera[:, :3], camera[:, 3]
    # By elements: matrix products may be rounded to TF32 or bfloat16 in training, and the camera is ten units away.
    direction, center = R[:, 2], -(R * t).sum(1)
    ramp = torch.linspace(1, -1, size, dtype=camera.dtype, device=camera.device)
    y, x = torch.meshgrid(ramp, ramp, indexing="ij")
    rays = x.reshape(-1, 1) / FOCAL * R[:, 0] + y.reshape(-1, 1) / FOCAL * R[:, 1] + R[:, 2]
    distance = (center * direction).sum().abs()
    return center + distance * rays, direction


def encode_direction(direction: Tensor) -> Tensor:
    """Harmonic encoding [27] of a vector [3]: 12 sines dimension by dimension, 12 cosines, the vector."""
    octaves = 2.0 ** torch.arange(_OCTAVES, dtype=direction.dtype, device=direction.device)
    angles = (direction[:, None] * octaves).flatten()
    return torch.cat([angles.sin(), angles.cos(), direction])


def view_matrix(camera: Tensor) -> Tensor:
    """[4, 4] for row vectors: `camera` [3, 4] with x and y flipped, so x right, y down, z away."""
    flip = camera.new_tensor([-1.0, -1.0, 1.0])
    view = torch.eye(4, dtype=camera.dtype, device=camera.device)
    view[:3, :3] = camera[:, :3] * flip
    view[3, :3] = camera[:, 3] * flip
    return view


def projection_matrix(camera: Tensor) -> Tensor:
    """[4, 4] for row vectors, world to clip space; near plane 0.01, far plane 100."""
    clip = camera.new_zeros(4, 4)
    clip[0, 0] = clip[1, 1] = FOCAL
    clip[2, 2] = _FAR / (_FAR - _NEAR)
    clip[2, 3] = 1.0
    clip[3, 2] = -_FAR * _NEAR / (_FAR - _NEAR)
    return view_matrix(camera) @ clip
