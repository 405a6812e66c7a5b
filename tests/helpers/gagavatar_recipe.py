"""Weights and inputs of the parity cases in tests/data, both drawn from seeded generators.

The numbers in the case files were computed by the published network code with these weights and inputs.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).parents[1] / "data"


def published_shapes() -> dict[str, list[int]]:
    """Name -> shape of every tensor of the published state dict, without `percep_loss.*`."""
    listing = json.loads((DATA / "gagavatar_state_dict.json").read_text())
    return {name: shape for name, (shape, _) in listing.items()}


def draw(name: str, shape: list[int] | tuple[int, ...], salt: int) -> torch.Tensor:
    """The tensor of that name: normal values from a generator seeded by name and salt, scaled by the kind of tensor."""
    generator = np.random.default_rng([zlib.crc32(name.encode()), salt])
    values = generator.standard_normal(tuple(shape), dtype=np.float32)
    return torch.from_numpy(np.ascontiguousarray(_scaled(values, name.rpartition(".")[2])))


def _scaled(values: np.ndarray, leaf: str) -> np.ndarray:
    shape = values.shape
    if values.ndim <= 1:
        if leaf == "bias":
            return values * np.float32(0.02)
        if leaf in ("weight", "gamma") and values.size > 1:
            return np.float32(1) + np.float32(0.1) * values
        return values * np.float32(0.1)
    if leaf in ("pos_embed", "cls_token", "mask_token"):
        return values * np.float32(0.02)
    if values.ndim == 4 and shape[0] == 1:
        return values * np.float32(0.02) if shape[2:] == (1, 1) else values
    fan_in = np.prod(shape[2:] if values.ndim == 5 else shape[1:])
    return (values / np.sqrt(fan_in)).astype(np.float32)


def published_state_dict(salt: int, prefix: str = "") -> dict[str, torch.Tensor]:
    """A state dict with the published names and shapes and drawn values; only the names that begin with `prefix`."""
    return {name: draw(name, shape, salt) for name, shape in published_shapes().items() if name.startswith(prefix)}


def case_inputs(seed: int) -> dict[str, np.ndarray]:
    """Image [3, 518, 518], two cameras [3, 4] and head points [5023, 3] of a case, float32."""
    generator = np.random.default_rng(seed)
    image = _waves(generator)
    points = generator.standard_normal((5023, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points = (points * np.array([0.45, 0.62, 0.5])).astype(np.float32)
    source, target = _camera(generator), _camera(generator)
    return {"image": image, "source_camera": source, "target_camera": target, "head_points": points}


def _waves(generator: np.random.Generator) -> np.ndarray:
    """Each channel a sum of six plane waves, stretched to 0..1."""
    ramp = np.linspace(0, 1, 518, dtype=np.float32)
    y, x = np.meshgrid(ramp, ramp, indexing="ij")
    image = np.zeros((3, 518, 518), np.float32)
    for channel in image:
        for _ in range(6):
            fx, fy = generator.uniform(0.5, 12), generator.uniform(0.5, 12)
            phase, weight = generator.uniform(0, 6.28), generator.uniform(0.2, 1)
            turns = np.float32(fx) * x + np.float32(fy) * y
            channel += np.float32(weight) * np.sin(np.float32(6.2831853) * turns + np.float32(phase))
        channel -= channel.min()
        channel /= channel.max()
    return image


def _camera(generator: np.random.Generator) -> np.ndarray:
    """A camera about 9 units in front of the head, turned by up to 0.35 radians about each axis."""
    angles = generator.uniform(-0.35, 0.35, 3)
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    R = about_x @ about_y @ about_z @ np.diag([-1.0, 1.0, -1.0])
    t = np.array([generator.uniform(-0.1, 0.1), generator.uniform(-0.1, 0.1), generator.uniform(8.8, 9.8)])
    return np.concatenate([R, t[:, None]], axis=1).astype(np.float32)
