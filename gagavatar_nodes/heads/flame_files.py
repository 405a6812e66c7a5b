"""Reading FLAME from files: the published network's `FLAME_with_eye.pt`, the official pickles, and our own copy.

None of these files runs code when it is read. Official pickles hold no landmark embedding; take one along from
`FLAME_with_eye.pt` or from `landmark_embedding_with_eyes.npy` (all editions share one mesh), or do without landmarks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileFormatError
from ..temporary import replacement
from . import restricted_pickle
from .flame import EXPRESSIONS, FACES, LANDMARKS, SHAPES, VERTICES, edition_of

UNKNOWN_EDITION = "unknown"
"""Edition of an official file whose content and name tell none."""

_MODEL_SHAPES = {
    "f": (FACES, 3),
    "v_template": (VERTICES, 3),
    "shapedirs": (VERTICES, 3, SHAPES + EXPRESSIONS),
    "posedirs": (VERTICES, 3, 36),
    "J_regressor": (5, VERTICES),
    "kintree_table": (2, 5),
    "weights": (VERTICES, 5),
}
_EMBEDDING_SHAPES = {
    "full_lmk_faces_idx_with_eye": (1, LANDMARKS),
    "full_lmk_bary_coords_with_eye": (1, LANDMARKS, 3),
}
_INDICES = ("f", "kintree_table", "full_lmk_faces_idx_with_eye")
_OPEN_ONLY = "supr_expression_metadata"  # a key that only FLAME 2023 Open has
_FILE_EDITIONS = {
    "generic_model": "2020",
    "male_model": "2020 male",
    "female_model": "2020 female",
    "flame2023": "2023",
    "flame2023_no_jaw": "2023 without jaw",
    "flame2023_open": "2023 Open",
}


def load_flame(path: str | os.PathLike) -> dict[str, Any]:
    """Return a FLAME asset.

    Dicts `flame_model` and `lmk_embeddings` (or None) of torch tensors, and the string `edition`.

    Reads `.pt` (published layout), `.safetensors` (written by `import_flame`) and official `.pkl` files. Raises
    `FileFormatError` when a tensor is missing or has another shape than FLAME's.
    """
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(f"{path} is missing: get FLAME from flame.is.tue.mpg.de, then import it")
    readers = {".safetensors": _read_safetensors, ".pkl": _read_official}
    asset = readers.get(path.suffix.lower(), _read_torch)(path)
    check_asset(asset, os.fspath(path))
    return asset


def import_flame(
    path: str | os.PathLike,
    out: str | os.PathLike,
    landmarks: str | os.PathLike | None = None,
    edition: str | None = None,
) -> Path:
    """Convert an official FLAME pickle (2020, 2023, 2023 Open) to a safetensors file that loads fast and safely.

    `landmarks`: file with the embedding of the 70 landmarks, see the module. `edition`: overrides what the file's
    content or name tells. Returns `out`; it appears only when complete.
    """
    from safetensors.torch import save_file

    asset = load_flame(path)
    edition = edition or edition_of(asset)
    if edition == UNKNOWN_EDITION:
        raise FileFormatError(
            f"{path}: its name does not tell the FLAME edition (known: {', '.join(sorted(_FILE_EDITIONS))}); name it"
        )
    if landmarks is not None:
        asset["lmk_embeddings"] = _read_embedding(Path(landmarks))
        check_asset(asset, os.fspath(landmarks))
    tensors = {f"flame_model.{name}": asset["flame_model"][name] for name in _MODEL_SHAPES}
    for name in _EMBEDDING_SHAPES if asset["lmk_embeddings"] else ():
        tensors[f"lmk_embeddings.{name}"] = asset["lmk_embeddings"][name]
    out = Path(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacement(out) as temporary:
            save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, metadata={"edition": edition})
    except OSError as error:
        raise FileFormatError(f"{out} cannot be written: {error.strerror}. Choose another folder") from error
    return out


def check_asset(asset: Mapping[str, Any], name: str) -> None:
    """Raise `FileFormatError` naming the first tensor of `asset` that FLAME does not have so."""
    if "flame_model" not in asset:
        raise FileFormatError(f"{name} holds no flame_model: it is not a FLAME file")
    groups = [("flame_model", _MODEL_SHAPES)]
    if asset.get("lmk_embeddings") is not None:
        groups.append(("lmk_embeddings", _EMBEDDING_SHAPES))
    for group, shapes in groups:
        for key, shape in shapes.items():
            got = tuple(asset[group][key].shape) if key in asset[group] else None
            if got != shape:
                what = "is missing" if got is None else f"has shape {got}"
                raise FileFormatError(f"{name}: {group}.{key} {what}, FLAME has {shape}; is it another head model?")
    _check_range(asset["flame_model"]["f"], VERTICES, f"{name}: flame_model.f")
    if len(groups) == 2:
        faces = asset["lmk_embeddings"]["full_lmk_faces_idx_with_eye"]
        _check_range(faces, FACES, f"{name}: lmk_embeddings.full_lmk_faces_idx_with_eye")


def _check_range(indices: Any, end: int, name: str) -> None:
    if int(indices.min()) < 0 or int(indices.max()) >= end:
        raise FileFormatError(f"{name} points outside 0..{end - 1}; the file is damaged, download it again")


def _read_torch(path: Path) -> dict[str, Any]:
    from ..torch_file import load_torch_file

    asset = load_torch_file(path, "Download it again.")
    if not isinstance(asset, dict):
        raise FileFormatError(f"{path} holds no flame_model: it is not a FLAME file")
    return asset


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    asset: dict[str, Any] = {"lmk_embeddings": None}
    try:
        with safe_open(path, "pt") as file:
            for key in file.keys():  # noqa: SIM118 -- the file is not iterable
                group, _, name = key.partition(".")
                asset[group] = {**(asset.get(group) or {}), name: file.get_tensor(key)}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise FileFormatError(f"{path} is damaged: {error}; import FLAME again") from error
    return {**asset, **metadata}


def _read_official(path: Path) -> dict[str, Any]:
    data = restricted_pickle.load(path)
    missing = [name for name in _MODEL_SHAPES if not isinstance(data, dict) or name not in data]
    if missing:
        raise FileFormatError(f"{path} has no {', '.join(missing)}: it is not an official FLAME model")
    model = _tensors({name: data[name] for name in _MODEL_SHAPES})
    model["kintree_table"][0, 0] = -1  # stored as the largest unsigned integer
    edition = "2023 Open" if _OPEN_ONLY in data else _FILE_EDITIONS.get(path.stem.lower(), UNKNOWN_EDITION)
    return {"flame_model": model, "lmk_embeddings": None, "edition": edition}


def _read_embedding(path: Path) -> dict[str, Any]:
    """Return the embedding of the 70 landmarks out of a `.pt` or `.npy` file."""
    if path.suffix.lower() != ".npy":
        embedding = load_flame(path)["lmk_embeddings"]
    else:
        data = path.read_bytes() if path.is_file() else b""
        start = data.find(b"\n") + 1  # the header of the .npy format ends the first line
        found = restricted_pickle.loads(data[start:], os.fspath(path))
        found = found[0] if isinstance(found, list) and found else found
        embedding = {}
        for name, shape in _EMBEDDING_SHAPES.items():
            value = found.get(name, found.get(name.removesuffix("_with_eye"))) if isinstance(found, dict) else None
            if value is not None and np.size(value) == np.prod(shape):
                embedding[name] = np.reshape(value, shape)
        embedding = _tensors(embedding)
    if not embedding:
        raise FileFormatError(f"{path} holds no embedding of {LANDMARKS} landmarks; use FLAME_with_eye.pt")
    return embedding


def _tensors(arrays: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    return {
        name: torch.as_tensor(np.ascontiguousarray(value, np.int64 if name in _INDICES else np.float32))
        for name, value in arrays.items()
    }
