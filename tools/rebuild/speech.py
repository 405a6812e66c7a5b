"""speech_phones.npz: the phone recognizer of the Python package hama, its tensors renamed, and its phones.

Its archive is a flat list: magic, version, kind, count; of each tensor the name, type, dimensions, offset and size;
then the data, aligned to 16 bytes. Matrices that the exporter left without a name are found by their order.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

from .sources import HAMA, Archive

_MAGIC = b"HAMAPK"
_TYPES = (np.float32, np.float16)
_ALIGNED = 16
_MATRICES = ("ffn1.fc1", "ffn1.fc2", "attn.in_proj", "attn.out_proj", "ffn2.fc1", "ffn2.fc2")
"""Unnamed matrices of a block, in their order."""
_SPECIAL = ["<wb>", "<blank>"]
"""Tokens after those of the vocabulary: a word's border, and CTC's blank."""


def build(work: Path, out: Path) -> None:
    """Write `out/speech_phones.npz`."""
    archive = Archive(HAMA, work)
    tensors = _tensors(archive.read("hama/assets/asr_waveform.hama"))
    tokens = json.loads(archive.read("hama/assets/g2p_vocab.json"))["decoder"] + _SPECIAL
    arrays = {"tokens": np.array(tokens), "mel": tensors["mel_fb"]}
    prefix = "acoustic_model.model."
    arrays |= {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    convolutions, matrices = (_numbered(tensors, kind) for kind in ("Conv", "MatMul"))
    arrays["stem.weight"], arrays["stem.bias"] = convolutions[:2]
    for block in range(len(matrices) // len(_MATRICES)):
        name = f"blocks.{block}."
        for part in ("weight", "bias"):
            arrays[f"{name}conv.depthwise.{part}"] = convolutions[2 + 2 * block + (part == "bias")]
        for index, part in enumerate(_MATRICES):
            arrays[f"{name}{part}.weight"] = matrices[len(_MATRICES) * block + index]
    np.savez_compressed(out / "speech_phones.npz", **{_renamed(name): value for name, value in arrays.items()})


def _tensors(data: bytes) -> dict[str, np.ndarray]:
    assert data.startswith(_MAGIC), "not the archive that is expected here"
    count, at = struct.unpack_from("<I", data, 8)[0], 12
    entries = []
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        at += 2 + length
        kind, rank = struct.unpack_from("<BB", data, at)
        shape = struct.unpack_from(f"<{rank}I", data, at + 2)
        offset, _size = struct.unpack_from("<QQ", data, at + 2 + 4 * rank)
        at += 2 + 4 * rank + 16
        entries.append((name, kind, shape, offset))
    start = -(-at // _ALIGNED) * _ALIGNED
    return {
        name: np.frombuffer(data, _TYPES[kind], int(np.prod(shape)), start + offset).reshape(shape)
        for name, kind, shape, offset in entries
    }


def _numbered(tensors: dict[str, np.ndarray], kind: str) -> list[np.ndarray]:
    """Return the tensors called `onnx::<kind>_<number>`, by their numbers."""
    prefix = f"onnx::{kind}_"
    names = [name for name in tensors if name.startswith(prefix)]
    return [tensors[name] for name in sorted(names, key=lambda name: int(name.removeprefix(prefix)))]


def _renamed(name: str) -> str:
    for old, new in (("attn_norm.", "attn.norm."), ("in_proj_bias", "in_proj.bias")):
        name = name.replace(old, new)
    return name
