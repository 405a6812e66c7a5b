"""canonical.npz: the canonical face and its Procrustes weights, out of the packed assets of @mediapipe/face_mesh.

They are a `GeometryPipelineMetadata` message (1: canonical mesh, 2: weighted landmarks), whose few fields are read
here without its schema: mesh 3: vertex buffer of x, y, z, u, v; mesh 4: index buffer; landmark 1: index, 2: weight.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .sources import FACE_MESH, Archive

_METADATA = "geometry_pipeline_metadata_landmarks.binarypb"


def build(work: Path, out: Path) -> None:
    """Write `out/canonical.npz`."""
    archive = Archive(FACE_MESH, work)
    fields = list(_fields(_packed(archive, _METADATA)))
    mesh = list(_fields(next(value for number, value in fields if number == 1)))
    vertices = np.array([_float(value) for number, value in mesh if number == 3]).reshape(-1, 5)
    triangles = np.array([value for number, value in mesh if number == 4], np.int64).reshape(-1, 3)
    landmarks = [dict(_fields(value)) for number, value in fields if number == 2]
    weights = np.array([[landmark[1], _float(landmark[2])] for landmark in landmarks], float)
    np.savez(out / "canonical.npz", v=vertices[:, :3], uv=vertices[:, 3:], f=triangles, pw=weights)


def _packed(archive: Archive, name: str) -> bytes:
    loader = archive.read("package/face_mesh_solution_packed_assets_loader.js").decode()
    listed = json.loads(re.search(r'"files": (\[.*?\])', loader).group(1))
    entry = next(entry for entry in listed if entry["filename"].endswith(name))
    return archive.read("package/face_mesh_solution_packed_assets.data")[entry["start"] : entry["end"]]


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and raw values of a protocol buffer message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == 2:
            length, at = _varint(message, at)
        elif kind == 5:
            length = 4
        else:
            raise ValueError(f"wire type {kind} in field {number} is not expected here")
        yield number, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _float(value: int | bytes) -> float:
    return struct.unpack("<f", value)[0]
