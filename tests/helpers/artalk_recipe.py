"""Weights and inputs of the ARTalk cases in tests/data, drawn from seeded generators.

The numbers in the case files were computed by the published network code with these weights and inputs.
"""

from __future__ import annotations

import math
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from parity_recipe import DATA, listed_tensors, weight

RATE, CHUNK = 16_000, 64_000
UNUSED = {"audio_encoder.masked_spec_embed", "attn_bias_for_masking", "lvl_idx"}
_VARIANTS = {0: (0, 0, 0), 1: (2, 0, 1, 0)}
_LENGTHS = {0: 81_001, 1: 136_123}
_EMBEDDINGS = ("null_style_cond", "pos_embed", "prev_pos_embed", "lvl_embed.weight", "enc_pos_embed", "dec_pos_embed")


def truth(seed: int) -> dict[str, np.ndarray]:
    """The published numbers of a case."""
    with np.load(DATA / f"artalk{seed}.npz") as file:
        return dict(file)


def names(prefix: str | tuple[str, ...] = "") -> list[str]:
    """Names of the published state dict that are used, or those of them that begin so."""
    return [name for name in listed_tensors("artalk") if name.startswith(prefix) and name not in UNUSED]


def state_dict(seed: int, prefix: str | tuple[str, ...] = "") -> dict[str, torch.Tensor]:
    """The tensors called `names(prefix)`."""
    shapes, chosen = listed_tensors("artalk"), names(prefix)

    def draw(name: str) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(_tensor(name, shapes[name][0], seed)))

    with ThreadPoolExecutor() as pool:  # the generators let go of the interpreter
        return dict(zip(chosen, pool.map(draw, chosen), strict=True))


def _tensor(name: str, shape: list[int], seed: int) -> np.ndarray:
    if name == "basic_vae.attn_mask":
        return _mask()
    if name == "style_encoder.PE.pe":
        return _positions(*shape[1:])
    x = np.random.default_rng([zlib.crc32(name.encode()), seed]).standard_normal(tuple(shape), np.float32)
    if name.removeprefix("basic_vae.") in _EMBEDDINGS:
        return x * np.float32(0.5)
    if name.endswith("scale_mul_1H11"):
        return np.float32(1.4) + np.float32(1.5) * x
    if name.endswith("motion_std"):
        return np.float32(0.5) + np.float32(0.1) * abs(x)
    if name.endswith("weight.original0"):
        return np.float32(4) + np.float32(0.4) * x
    if len(shape) > 1:
        x /= np.float32(math.sqrt(math.prod(shape[1:])))
        return x
    return weight(name, shape, seed)


def _mask() -> np.ndarray:
    mask = np.zeros((1, 1, 200, 200), np.float32)
    mask[..., :100, 100:] = -np.inf
    return mask


def _positions(count: int, width: int) -> np.ndarray:
    """Sines and cosines in turn, as in "Attention is all you need"."""
    angles = np.arange(count)[:, None] * 10_000.0 ** (-np.arange(0, width, 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(1, count, width).astype(np.float32)


def waveform(seed: int) -> np.ndarray:
    """[N] float32 of 16-bit steps: eight chirps that come and go, and noise."""
    count, variants = _LENGTHS[seed], _VARIANTS[seed]
    generator = np.random.default_rng(700 + seed)
    t = np.arange(count) / RATE
    x = np.zeros(count)
    for _ in range(8):
        low, high, phase = generator.uniform(90, 900), generator.uniform(200, 3500), generator.uniform(0, 6.28)
        level, rate, shift = generator.uniform(0.05, 0.3), generator.uniform(0.7, 5.0), generator.uniform(0, 6.28)
        angle = 2 * math.pi * (low * t + 0.5 * (high - low) * t * t / t[-1]) + phase
        x += level * np.sin(angle) * np.maximum(0.0, np.sin(2 * math.pi * rate * t + shift))
    parts = [
        np.random.default_rng([700 + seed, chunk, variants[1 + chunk]]).standard_normal(CHUNK)
        for chunk in range(-(-count // CHUNK))
    ]
    x += 0.02 * np.concatenate(parts)[:count]
    return (np.round(np.clip(x / 1.5, -0.999, 0.999) * 32767) / 32768).astype(np.float32)


def chunks(seed: int) -> torch.Tensor:
    """[chunks, 64000] the waveform, filled with zeros."""
    samples = waveform(seed)
    return torch.from_numpy(np.pad(samples, (0, -len(samples) % CHUNK)).reshape(-1, CHUNK))


def style_motion(seed: int) -> np.ndarray:
    """[50, 106]"""
    generator = np.random.default_rng([900 + seed, _VARIANTS[seed][0]])
    return np.float32(0.4) * generator.standard_normal((50, 106), np.float32)


def inputs(seed: int) -> dict[str, np.ndarray]:
    """Forced motion and bits, and what drives an avatar."""
    generator = np.random.default_rng(800 + seed)

    def normal(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape, np.float32)

    drawn = {
        "motion": np.float32(0.5) * normal(100, 106),
        "previous": generator.integers(0, 2, (181, 32)).astype(bool),
        "bits": generator.integers(0, 2, (181, 32)).astype(bool),
        "drive": np.concatenate([np.float32(0.5) * normal(12, 100), np.float32(0.15) * normal(12, 6)], 1),
        "shape": np.float32(0.5) * normal(300),
    }
    return drawn | {"camera": _camera(generator)}


def _camera(generator: np.random.Generator) -> np.ndarray:
    """[3, 4] about 9 units in front of the head, turned by up to 0.3 radians about each axis."""
    angles = generator.uniform(-0.3, 0.3, 3)
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    R = about_x @ about_y @ about_z @ np.diag([-1.0, 1.0, -1.0])
    t = np.array([generator.uniform(-0.1, 0.1), generator.uniform(-0.1, 0.1), generator.uniform(8.8, 9.8)])
    return np.concatenate([R, t[:, None]], 1).astype(np.float32)


def unpacked(packed: np.ndarray) -> torch.Tensor:
    """Bits [1, 181, 32] as the case files keep them."""
    return torch.from_numpy(np.unpackbits(packed).reshape(1, 181, 32).astype(bool))
