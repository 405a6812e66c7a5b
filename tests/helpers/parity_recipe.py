"""Reproducible stand-ins for files that cannot be shipped: network weights and a FLAME asset, drawn from seeds.

The numbers under tests/data were computed by the published code on exactly these tensors.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from functools import cache
from pathlib import Path

import numpy as np

DATA = Path(__file__).parents[1] / "data"


def relative_error(got: np.ndarray, wanted: np.ndarray) -> float:
    """Norm of the difference over the norm of the wanted array."""
    got, wanted = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    assert got.shape == wanted.shape
    return float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))


def listed_tensors(name: str) -> dict[str, tuple[list[int], str]]:
    """Shape and dtype of every tensor of a published state dict, by tensor name."""
    with gzip.open(DATA / f"{name}_state_dict.json.gz", "rt") as file:
        return {key: (shape, dtype) for key, (shape, dtype) in json.load(file).items()}


def weight(name: str, shape: list[int], salt: int = 0) -> np.ndarray:
    """The recipe's float32 tensor of one name: a normal draw seeded by the name, scaled by the tensor's role."""
    x = np.random.default_rng([zlib.crc32(name.encode()), salt]).standard_normal(tuple(shape), dtype=np.float32)
    leaf = name.rpartition(".")[2]
    if len(shape) <= 1:
        if leaf == "bias":
            return x * np.float32(0.02)
        return 1 + np.float32(0.1) * x if leaf in ("weight", "gamma") and x.size > 1 else x * np.float32(0.1)
    if len(shape) == 4 and shape[0] == 1:
        return x
    return x / np.float32(math.sqrt(math.prod(shape[1:])))


def _shared(key: str) -> str:
    """The matting network's three smoothing steps have one convolution."""
    return key.replace("smooth_conv.1", "smooth_conv.0").replace("smooth_conv.2", "smooth_conv.0")


def tracker_state_dict(name: str) -> dict:
    """A full state dict of the EMICA, landmark or matting network by the recipe, with sensible batch statistics."""
    return dict(_tracker_tensors(name))


@cache
def _tracker_tensors(name: str) -> dict:
    """Drawn once: millions of normal values take their time."""
    import torch

    state = {}
    for key, (shape, dtype) in listed_tensors(name).items():
        if dtype != "float32":
            state[key] = torch.zeros(shape, dtype=getattr(torch, dtype))
            if key.endswith("relative_position_index"):
                state[key] = _window_offsets(math.isqrt(shape[0]))
            continue
        x = weight(_shared(key), shape)
        if key.endswith("running_var"):
            x = 1 + np.float32(0.1) * abs(x)
        elif key.endswith("running_mean"):
            x = x * np.float32(0.1)
        state[key] = torch.from_numpy(np.ascontiguousarray(x))
    return state


def _window_offsets(edge: int):
    """[edge^2, edge^2] int64 number of the offset between two pixels of a window, as Swin counts them."""
    import torch

    y, x = np.divmod(np.arange(edge * edge), edge)
    rows, columns = y[:, None] - y + edge - 1, x[:, None] - x + edge - 1
    return torch.from_numpy(rows * (2 * edge - 1) + columns)


def synthetic_flame(seed: int = 0) -> dict:
    """A random asset with the names, shapes and dtypes of `FLAME_with_eye.pt`; the order of the draws matters."""
    import torch

    rng = np.random.default_rng(seed)
    vertices, faces, joints = 5023, 9976, 5

    def normal(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))

    def sharp_rows(rows: int, columns: int, power: int) -> torch.Tensor:
        weights = rng.random((rows, columns)).astype(np.float32) ** power
        return torch.from_numpy(weights / weights.sum(1, keepdims=True))

    def corners(*shape: int) -> torch.Tensor:
        weights = rng.random((*shape, 3)).astype(np.float32)
        return torch.from_numpy(weights / weights.sum(-1, keepdims=True))

    def face_indices(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.integers(0, faces, shape))

    sphere = rng.standard_normal((vertices, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    template = torch.from_numpy((sphere * [0.09, 0.13, 0.10]).astype(np.float32))
    triangles = np.stack([rng.permutation(vertices)[:3] for _ in range(faces)]).astype(np.int64)
    skinning = sharp_rows(vertices, joints, 4)
    regressor = sharp_rows(joints, vertices, 8)
    model = {
        "f": torch.from_numpy(triangles),
        "v_template": template,
        "shapedirs": normal(vertices, 3, 400) * 1e-3,
        "posedirs": normal(vertices, 3, 36) * 1e-3,
        "J_regressor": regressor,
        "kintree_table": torch.tensor([[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
        "weights": skinning,
    }
    embedding = {}
    for kind, shape in (("static", (51,)), ("dynamic", (79, 17))):
        embedding[f"{kind}_lmk_faces_idx"] = face_indices(*shape)
        embedding[f"{kind}_lmk_bary_coords"] = corners(*shape)
    embedding["full_lmk_faces_idx_with_eye"] = face_indices(1, 70)
    embedding["full_lmk_bary_coords_with_eye"] = corners(1, 70)
    return {"flame_model": model, "lmk_embeddings": embedding}
