"""FLAME: a head mesh from shape, expression and joint rotations, by linear blend skinning with pose correctives.

Li et al., "Learning a model of facial shape and expression from 4D scans", 2017.

The model files are under FLAME's own licenses and come from the user; `flame_files` reads and converts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import FileFormatError, GagavatarError

VERTICES, FACES = 5023, 9976
SHAPES, EXPRESSIONS = 300, 100
LANDMARKS = 70
"""The 68 landmarks of the iBUG scheme, then the pupils: right, left of the subject."""
SCALE = 5.0
"""Head units in a meter, FLAME's own unit."""
PUBLISHED_EDITION = "2020"
"""Edition of the published network's file, which names none itself."""


def edition_of(asset: Mapping[str, Any]) -> str:
    """Edition of a loaded asset: "2020", "2023", "2023 Open" or another name given when it was imported."""
    return asset.get("edition", PUBLISHED_EDITION)


def rotation_matrices(axis_angle: Tensor) -> Tensor:
    """Rodrigues' formula: [..., 3] axis-angle in radians -> [..., 3, 3], differentiable at zero too."""
    squared = (axis_angle * axis_angle).sum(-1)
    small = squared < 1e-8
    safe = torch.where(small, torch.ones_like(squared), squared)
    angle = safe.sqrt()
    sinc = torch.where(small, 1 - squared / 6, angle.sin() / angle)
    cosc = torch.where(small, 0.5 - squared / 24, (1 - angle.cos()) / safe)
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    K = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    identity = torch.eye(3, dtype=K.dtype, device=K.device)
    return identity + sinc[..., None, None] * K + cosc[..., None, None] * (K @ K)


class Flame(nn.Module):
    """The posed FLAME mesh and its landmarks, batched and differentiable. Holds no trainable parameters."""

    template: Tensor  # [V, 3] meters
    directions: Tensor  # [V, 3, 400] shape, then expression
    corrections: Tensor  # [V, 3, 36] offsets per entry of the four joints' R - I
    joint_template: Tensor  # [5, 3] root, neck, jaw, left eye, right eye
    joint_directions: Tensor  # [5, 3, 400]
    skinning: Tensor  # [V, 5]
    faces: Tensor  # [F, 3] int64

    def __init__(self, asset: Mapping[str, Any]) -> None:
        """`asset`: what `flame_files.load_flame` returns, or a dict of the published file's layout."""
        super().__init__()
        model, embedding = asset["flame_model"], asset.get("lmk_embeddings")
        self.edition = edition_of(asset)
        self.parents = [int(p) for p in model["kintree_table"][0]]
        regressor = _float(model["J_regressor"])
        self.register_buffer("template", _float(model["v_template"]))
        self.register_buffer("directions", _float(model["shapedirs"]))
        self.register_buffer("corrections", _float(model["posedirs"]))
        self.register_buffer("joint_template", regressor @ self.template)
        self.register_buffer("joint_directions", torch.einsum("jv,vck->jck", regressor, self.directions))
        self.register_buffer("skinning", _float(model["weights"]))
        self.register_buffer("faces", torch.as_tensor(model["f"]).long())
        triangles, weights = torch.zeros(0, 3, dtype=torch.long), torch.zeros(0, 3)
        if embedding is not None:
            triangles = self.faces[torch.as_tensor(embedding["full_lmk_faces_idx_with_eye"]).long().reshape(-1)]
            weights = _float(embedding["full_lmk_bary_coords_with_eye"]).reshape(-1, 3)
        self.register_buffer("landmark_corners", triangles)
        self.register_buffer("landmark_weights", weights)

    @property
    def has_landmarks(self) -> bool:
        """False for official model files imported without a landmark embedding."""
        return len(self.landmark_corners) > 0

    def forward(
        self,
        shape: Tensor,
        expression: Tensor,
        jaw: Tensor | None = None,
        eyes: Tensor | None = None,
        neck: Tensor | None = None,
        root: Tensor | None = None,
        scale: float = SCALE,
    ) -> Tensor:
        """Vertices [B, 5023, 3] in meters x `scale`.

        `shape` [B or 1, 300], `expression` [B or 1, 100]; `jaw`, `neck`, `root` [B, 3] and `eyes` [B, 6] (left, then
        right) are axis-angle in radians, zero by default.
        """
        return self.pose(*self.rest(shape, expression), jaw, eyes, neck, root, scale)

    def rest(self, shape: Tensor, expression: Tensor) -> tuple[Tensor, Tensor]:
        """Unposed vertices [B, 5023, 3] and joints [B, 5, 3] in meters, for `pose`; codes as in `forward`."""
        batch = max(len(shape), len(expression))
        betas = torch.cat([shape.expand(batch, -1), expression.expand(batch, -1)], -1)
        return self.template + _blend(betas, self.directions), self.joint_template + _blend(
            betas, self.joint_directions
        )

    def pose(
        self,
        vertices: Tensor,
        joints: Tensor,
        jaw: Tensor | None = None,
        eyes: Tensor | None = None,
        neck: Tensor | None = None,
        root: Tensor | None = None,
        scale: float = SCALE,
    ) -> Tensor:
        """Vertices [B, 5023, 3] of the heads from `rest` under the joint rotations of `forward`."""
        zeros = vertices.new_zeros(len(vertices), 3)
        parts = [zeros if p is None else p.expand(len(vertices), -1) for p in (root, neck, jaw)]
        pose = torch.cat([*parts, zeros.repeat(1, 2) if eyes is None else eyes.expand(len(vertices), -1)], -1)
        rotations = rotation_matrices(pose.unflatten(-1, (5, 3)))
        identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
        vertices = vertices + _blend((rotations[:, 1:] - identity).flatten(1), self.corrections)
        blended = self.skinning @ self._joint_transforms(rotations, joints).flatten(2)  # [B, V, 12]
        blended = blended.unflatten(-1, (3, 4))
        return scale * (torch.einsum("bvij,bvj->bvi", blended[..., :3], vertices) + blended[..., 3])

    def _joint_transforms(self, rotations: Tensor, joints: Tensor) -> Tensor:
        """[B, 5, 3, 4] from the rest to the posed head, from local rotations [B, 5, 3, 3] and rest joints [B, 5, 3]."""
        R, t = [rotations[:, 0]], [joints[:, 0]]
        for j, parent in enumerate(self.parents[1:], start=1):
            offset = joints[:, j] - joints[:, parent]
            R.append(R[parent] @ rotations[:, j])
            t.append((R[parent] @ offset[..., None])[..., 0] + t[parent])
        world, origin = torch.stack(R, 1), torch.stack(t, 1)
        return torch.cat([world, (origin[..., None] - world @ joints[..., None])], -1)

    def part(self, vertices: Sequence[int]) -> Flame:
        """Return the head with these vertices only, without faces and landmarks: to follow a few points."""
        kept = list(vertices)
        names = ("template", "directions", "corrections", "skinning")
        part = copy(self)
        part._buffers = self._buffers | {name: getattr(self, name)[kept] for name in names}
        for name in ("faces", "landmark_corners", "landmark_weights"):
            part._buffers[name] = getattr(self, name)[:0]
        return part

    def landmarks(self, vertices: Tensor) -> Tensor:
        """Return the 70 landmarks [B, 70, 3] on `vertices` [B, 5023, 3]."""
        if not self.has_landmarks:
            raise GagavatarError(
                f"this FLAME {self.edition} file has no landmark embedding: import it again together with one "
                "(FLAME_with_eye.pt, or landmark_embedding_with_eyes.npy)"
            )
        return torch.einsum("blki,lk->bli", vertices[:, self.landmark_corners], self.landmark_weights)


def _float(array: Any) -> Tensor:
    return torch.as_tensor(array).float()


def _blend(weights: Tensor, directions: Tensor) -> Tensor:
    """[B, K] weights of [N, 3, K] directions -> [B, N, 3]."""
    return (weights @ directions.flatten(0, 1).T).unflatten(-1, (-1, 3))


def evaluate(
    asset: Mapping[str, Any], shape: np.ndarray, expression: np.ndarray, pose: np.ndarray, eye_pose: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """FLAME on arrays: vertices [B, 5023, 3] and landmarks [B, 70, 3], float32 head units (meters x 5).

    `shape` [B, 300], `expression` [B, 100], `pose` [B, 6] (root and jaw axis-angle), `eye_pose` [B, 6] (left, right).
    """
    model = Flame(asset)
    codes = [torch.as_tensor(np.atleast_2d(a), dtype=torch.float32) for a in (shape, expression, pose, eye_pose)]
    widths = {"shape": SHAPES, "expression": EXPRESSIONS, "pose": 6, "eye_pose": 6}
    for (name, width), code in zip(widths.items(), codes, strict=True):
        if code.shape[-1] != width:
            raise FileFormatError(f"FLAME {name} has {code.shape[-1]} values a frame, expected {width}")
    with torch.no_grad():
        vertices = model(codes[0], codes[1], jaw=codes[2][:, 3:], eyes=codes[3], root=codes[2][:, :3])
        return vertices.numpy(), model.landmarks(vertices).numpy()
