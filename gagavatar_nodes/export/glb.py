"""The `.glb` of glTF 2.0 with `KHR_gaussian_splatting`; other viewers show its points."""

from __future__ import annotations

import json
import os
import struct

import numpy as np

from ..media.files import atomic_output
from ..types import Gaussians
from .splats import SH_C0, Splats, to_splats

_EXTENSION = "KHR_gaussian_splatting"
_GLB, _JSON, _BINARY = 0x46546C67, 0x4E4F534A, 0x004E4942
_FLOAT, _POINTS, _VERTICES = 5126, 0, 34962
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}


def write_glb(gaussians: Gaussians, path: str | os.PathLike[str]) -> int:
    """Write Gaussians as binary glTF, y up: linear scales, x y z w rotations, and colors as sRGB. See `write_ply`.

    `COLOR_0` shows points of the right color, linear as glTF wants them, where the extension is not known.

    Returns:
        The number of Gaussians written.

    Raises:
        ValueError: there is none to write.
        MediaError: the file cannot be written.
    """
    splats = to_splats(gaussians)
    attributes = _attributes(splats)
    binary = b"".join(values.astype("<f4").tobytes() for values in attributes.values())
    document = json.dumps(_document(attributes), separators=(",", ":")).encode()
    document += b" " * (-len(document) % 4)
    chunks = [(document, _JSON), (binary, _BINARY)]
    with atomic_output(path) as temporary, open(temporary, "wb") as file:
        file.write(struct.pack("<III", _GLB, 2, 12 + sum(8 + len(content) for content, _ in chunks)))
        for content, kind in chunks:
            file.write(struct.pack("<II", len(content), kind))
            file.write(content)
    return len(splats)


def _attributes(splats: Splats) -> dict[str, np.ndarray]:
    colors = np.where(splats.colors <= 0.04045, splats.colors / 12.92, ((splats.colors + 0.055) / 1.055) ** 2.4)
    return {
        "POSITION": splats.means,
        "COLOR_0": np.concatenate([colors, splats.opacities[:, None]], axis=1),
        f"{_EXTENSION}:ROTATION": splats.quaternions[:, [1, 2, 3, 0]],
        f"{_EXTENSION}:SCALE": splats.scales,
        f"{_EXTENSION}:OPACITY": splats.opacities[:, None],
        f"{_EXTENSION}:SH_DEGREE_0_COEF_0": (splats.colors - 0.5) / SH_C0,
    }


def _document(attributes: dict[str, np.ndarray]) -> dict[str, object]:
    views, accessors, offset = [], [], 0
    for index, values in enumerate(attributes.values()):
        length = 4 * values.size
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": length, "target": _VERTICES})
        accessor = {"bufferView": index, "componentType": _FLOAT, "count": len(values), "type": _TYPES[values.shape[1]]}
        accessors.append(accessor)
        offset += length
    positions = attributes["POSITION"].astype("<f4")
    accessors[0] |= {"min": positions.min(0).tolist(), "max": positions.max(0).tolist()}
    primitive = {
        "attributes": {name: index for index, name in enumerate(attributes)},
        "mode": _POINTS,
        "extensions": {_EXTENSION: {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}},
    }
    return {
        "asset": {"version": "2.0", "generator": "gagavatar_nodes"},
        "extensionsUsed": [_EXTENSION],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "avatar"}],
        "meshes": [{"primitives": [primitive]}],
        "buffers": [{"byteLength": offset}],
        "bufferViews": views,
        "accessors": accessors,
    }
