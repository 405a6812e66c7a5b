"""FLAME's landmarks alone, as a function of few numbers whose derivatives are cheap and exact.

With a still root and neck every vertex blends a static part with the rotations of jaw and eyes, so a landmark (a fixed
blend of three vertices) is

    p = Y_0 + sum_j R_j Y_j,   j = jaw, left eye, right eye,

where each Y is affine in the codes and in the pose features vec(R_j - I) (Li et al. 2017, eqs. 1-5). The Y are computed
once per FLAME file; a person's shape is then folded into their constants.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...face.arkit_flame import IBUG_68
from ...face.topology import IRISES
from ...types import FOCAL
from .rotations import left_jacobian, rotation_of, skew

if TYPE_CHECKING:
    from ...heads.flame import Flame

INDICES = (*IBUG_68, *(iris.start for iris in IRISES))
"""The points of the 478-point face model that lie where FLAME's 70 landmarks do, in their order."""
SHAPES = 300
JOINTS = 9
"""Axis-angle values of jaw, left eye and right eye."""
_MOVING = (2, 3, 4)  # jaw, left eye, right eye among FLAME's joints
_FEATURES = 27  # entries of their R - I
_LEAST_EFFECT = 0.001  # head units by which a direction must move the 70 landmarks (norm) to be kept: 0.2 mm


@dataclass(frozen=True)
class FaceModel:
    """The 70 landmarks in head units as a function of codes and joint rotations."""

    constant: np.ndarray
    """[4, 70, 3]: static part, jaw, left and right eye."""
    codes: np.ndarray
    """[4, 70, 3, K] per code."""
    features: np.ndarray
    """[4, 70, 3, 27] per pose feature."""

    @property
    def width(self) -> int:
        """Number of codes K."""
        return self.codes.shape[-1]

    def with_codes(self, fixed: np.ndarray, kept: np.ndarray) -> FaceModel:
        """Return the model with codes `fixed` [K] folded in, and new codes along the columns of `kept` [K, k]."""
        return FaceModel(self.constant + self.codes @ fixed, self.codes @ kept, self.features)

    def points(self, codes: np.ndarray, joints: np.ndarray) -> np.ndarray:
        """Landmarks [T, 70, 3] of codes [T, K] and axis-angles [T, 9]."""
        R = rotation_of(joints.reshape(-1, 3, 3))
        parts = self._parts(codes, R)
        return parts[:, 0] + (parts[:, 1:] @ R.swapaxes(-1, -2)).sum(1)

    def project(
        self, codes: np.ndarray, joints: np.ndarray, rotation: np.ndarray, translation: np.ndarray
    ) -> np.ndarray:
        """Normalized image positions [T, 70, 2] (-1..1, x right, y down) in cameras `p @ R + t`."""
        return project(self.points(codes, joints) @ rotation + translation[:, None])

    def linearize(
        self, codes: np.ndarray, joints: np.ndarray, rotation: np.ndarray, translation: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """`project` and its derivatives [T, 140, K + 9 + 3 + 3].

        Columns: codes, axis-angles, a turn of the view (`x -> x + turn x x` before the translation), the translation.
        """
        T, L = len(codes), self.constant.shape[1]
        R = rotation_of(joints.reshape(-1, 3, 3))
        parts = self._parts(codes, R)
        turned = parts[:, 1:] @ R.swapaxes(-1, -2)  # [T, 3, L, 3] R_j Y_j
        head = parts[:, 0] + turned.sum(1)
        placed = head @ rotation
        view = placed + translation[:, None]
        by_view = _projection_derivative(view)  # [T, L, 2, 3]
        by_head = by_view @ rotation.swapaxes(-1, -2)[:, None]
        J = np.empty((T, L, 2, self.width + JOINTS + 6))
        chain = np.concatenate([by_head, *(by_head @ R[:, None, j] for j in range(3))], -1)  # [T, L, 2, 12]
        rows = chain.transpose(1, 0, 2, 3).reshape(L, 2 * T, 12)
        by_affine = (rows @ self._basis).reshape(L, T, 2, -1).transpose(1, 0, 2, 3)
        J[..., : self.width] = by_affine[..., : self.width]
        turns = left_jacobian(joints.reshape(-1, 3, 3))  # column k: the turn per unit of axis-angle k
        for j in range(3):
            columns = slice(self.width + 3 * j, self.width + 3 * j + 3)
            spun = skew(turns[:, j].swapaxes(-1, -2)) @ R[:, j, None]  # [T, 3 (k), 3, 3] dR/dk
            features = by_affine[..., self.width + 9 * j : self.width + 9 * j + 9]
            J[..., columns] = features @ spun.reshape(T, 1, 3, 9).swapaxes(-1, -2)
            J[..., columns] -= by_head @ skew(turned[:, j]) @ turns[:, None, j]
        J[..., -6:-3] = -by_view @ skew(placed)
        J[..., -3:] = by_view
        return project(view), J.reshape(T, 2 * L, -1)

    def _parts(self, codes: np.ndarray, R: np.ndarray) -> np.ndarray:
        """[T, 4, L, 3] the Y of the module's equation."""
        features = (R - np.eye(3)).reshape(len(R), _FEATURES)
        affine = codes @ self.codes.reshape(-1, self.width).T + features @ self.features.reshape(-1, _FEATURES).T
        return self.constant + affine.reshape(-1, *self.constant.shape)

    @cached_property
    def _basis(self) -> np.ndarray:
        """[L, 12, K + 27] derivatives of the four Y."""
        both = np.concatenate([self.codes, self.features], -1)
        return both.transpose(1, 0, 2, 3).reshape(both.shape[1], 12, -1)


def landmark_model(flame: Flame) -> FaceModel:
    """Return the landmarks of a FLAME file, with all its codes: shape, then expression.

    Raises:
        GagavatarError: the file has no landmark embedding.
    """
    flame.landmarks(flame.template[None])  # says what to do where there are none
    corners, barycentric = flame.landmark_corners, _array(flame.landmark_weights)
    vertices = _affine(flame.template[corners], flame.directions[corners], flame.corrections[corners][..., 9:])  # type: ignore[index]
    joints = _affine(flame.joint_template, flame.joint_directions, None)
    skinning = barycentric[..., None] * _array(flame.skinning[corners])  # type: ignore[index]  # [L, 3, 5]
    shares = skinning.sum(1)
    static = np.einsum("lc,lcik->lik", skinning[..., :2].sum(-1), vertices)
    static += np.einsum("lj,jik->lik", shares[:, _MOVING], joints[list(_MOVING)])
    parts = [static]
    for j in _MOVING:
        parts.append(np.einsum("lc,lcik->lik", skinning[..., j], vertices) - shares[:, j, None, None] * joints[j])
    stacked = np.stack(parts) * _head_units()
    return FaceModel(stacked[..., 0], stacked[..., 1:-_FEATURES].copy(), stacked[..., -_FEATURES:].copy())


def moving_directions(model: FaceModel, columns: slice) -> np.ndarray:
    """[K, k] orthonormal combinations of some of the codes that move the landmarks visibly.

    The codes' prior is the unit normal distribution, so leaving the other combinations at zero is the best guess.
    """
    effect = model.codes[..., columns].sum(0).reshape(-1, model.codes[..., columns].shape[-1])
    _, sizes, Vt = np.linalg.svd(effect, full_matrices=False)
    kept = Vt[sizes > _LEAST_EFFECT]
    directions = np.zeros((model.width, len(kept)))
    directions[columns] = kept.T
    return directions


def project(view: np.ndarray) -> np.ndarray:
    """Points [..., 3] in view space to normalized image positions [..., 2], x right and y down."""
    return -FOCAL * view[..., :2] / view[..., 2:]


def _projection_derivative(view: np.ndarray) -> np.ndarray:
    derivative = np.zeros((*view.shape[:-1], 2, 3))
    scale = -FOCAL / view[..., 2]
    derivative[..., 0, 0] = derivative[..., 1, 1] = scale
    derivative[..., 2] = -(scale / view[..., 2])[..., None] * view[..., :2]
    return derivative


def _affine(constant: Any, directions: Any, corrections: Any) -> np.ndarray:
    """[N, 3, 1 + 400 + 27] columns: constant, codes, pose features."""
    constant, directions = _array(constant), _array(directions)
    last = np.zeros((*constant.shape, _FEATURES)) if corrections is None else _array(corrections)
    return np.concatenate([constant[..., None], directions, last], -1)


def _array(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()


def _head_units() -> float:
    from ...heads.flame import SCALE

    return SCALE
