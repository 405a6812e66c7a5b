"""The bundled head seen as the landmark model sees a face: 478 canonical landmarks at rest and under ARKit targets.

The landmark binding of the head was found by looking at pictures of it, so some points hang on the wrong fold of skin,
mostly on the lids. Head and canonical face are symmetric: of the two bindings of a mirrored pair, the one that agrees
with its neighborhood counts, and lid points that are lost on both sides follow their row.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ..heads.canonical import canonical_face
from ..heads.cc0 import LEFT_EYE, RIGHT_EYE, head_mesh
from ..heads.similarity import similarity
from ..types import ARKIT_NAMES
from .topology import (
    EYE_CORNERS,
    EYE_RINGS,
    INNER_LIPS,
    IRISES,
    LOWER_LIDS,
    LOWER_LIP_ROWS,
    UPPER_LIDS,
    UPPER_LIP_ROWS,
)

_SKIN_POINTS = 468
_AGREEMENT_CM = 0.25  # landmarks this near to their neighborhood's median offset count fully
_LOST_CM = 1.0
_LIP_GAP_CM = 0.04  # what the tracker reads between closed lips
_IRIS_RADIUS_CM = 0.57  # as the landmark model draws it on the canonical face
_MIRROR = np.array([-1.0, 1.0, 1.0])
_LIPS_TOUCH = (
    "mouthRollLower",
    "mouthRollUpper",
)  # targets that turn the inner lips in, out of sight, but do not part them
_RAISED, _LIDS_FOLLOW = 1.4, (0.75, 0.5)  # of the targets' eyeballs; shares of it that upper and lower lids go along
_SUBJECT_SIDES = ("Right", "Left")  # of the image's left and right eye
_EYEBALLS = (RIGHT_EYE, LEFT_EYE)


@cache
def bundled_neutral() -> np.ndarray:
    """[478, 3] float64 canonical landmarks of the bundled head at rest, lips closed, eyes open, centimeters."""
    face, (_, skin, _) = canonical_face().vertices, _align()
    landmarks = np.zeros((478, 3))
    landmarks[:_SKIN_POINTS] = face + _mend(skin - face)
    _close_lips(landmarks)
    for side in (0, 1):
        center = _eyeball(side).mean(0)
        center[2] = landmarks[list(EYE_RINGS[side]), 2].mean()  # the tracker's irises have their ring's depth
        landmarks[IRISES[side]] = center + _IRIS_RADIUS_CM * _IRIS_POINTS
    landmarks.setflags(write=False)
    return landmarks


_IRIS_POINTS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]], np.float64)


@cache
def arkit_basis() -> np.ndarray:
    """[52, 478, 3] float64 canonical landmark offsets at weight 1 of each of `ARKIT_NAMES`, centimeters.

    Offsets of the skin come from the bundled head's targets; irises follow the eyeballs in the eyeLook targets, and
    lids them as people's do when they look up; the eyeBlink targets shut the lids of `bundled_neutral` exactly.
    """
    mesh, (to_canonical, _, _) = head_mesh(), _align()
    rest = mesh.landmarks(mesh.vertices)
    offsets = np.stack([mesh.landmarks(mesh.vertices + mesh.offsets(n)) - rest for n in ARKIT_NAMES]) @ to_canonical
    mirrored = [ARKIT_NAMES.index(_other_side(name)) for name in ARKIT_NAMES]
    basis = np.zeros((len(ARKIT_NAMES), 478, 3))
    basis[:, :_SKIN_POINTS] = _mend(offsets, offsets[mirrored])
    _round_lips(basis)
    for name in _LIPS_TOUCH:
        moved = bundled_neutral() + basis[ARKIT_NAMES.index(name)]
        _close_lips(moved)
        basis[ARKIT_NAMES.index(name)] = moved - bundled_neutral()
    for side, subject in enumerate(_SUBJECT_SIDES):
        _shut_lids(basis[ARKIT_NAMES.index(f"eyeBlink{subject}")], side)
        for index, name in enumerate(ARKIT_NAMES):
            if name.startswith("eyeLook") and name.endswith(subject):
                basis[index, IRISES[side], :2] = _eyeball_turn(side, name)
        _look_up(basis[ARKIT_NAMES.index(f"eyeLookUp{subject}")], side)
    basis.setflags(write=False)
    return basis


@cache
def _align() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the head's similarity to the canonical face.

    Linear map [3, 3] for rows, landmarks [468, 3], vertices [V, 3].
    """
    mesh, face = head_mesh(), canonical_face()
    bound = mesh.landmarks(mesh.vertices)
    scale, rotation, translation = similarity(bound, face.vertices, face.pose_weights)
    linear = scale * rotation.T
    return linear, bound @ linear + translation, mesh.vertices @ linear + translation


def _other_side(name: str) -> str:
    swap = {"Left": "Right", "Right": "Left"}
    return next((name.removesuffix(a) + b for a, b in swap.items() if name.endswith(a)), name)


@cache
def _mirror_pairs() -> np.ndarray:
    """[468] the landmark that each becomes in a mirror."""
    face = canonical_face().vertices
    squared = (face**2).sum(1)
    return np.argmin(squared - 2 * (face * _MIRROR) @ face.T, axis=1)


def _mend(field: np.ndarray, mirrored: np.ndarray | None = None) -> np.ndarray:
    """Vectors [..., 468, 3] on the landmarks, made symmetric from the trusted one of each mirrored pair.

    `mirrored` is the field of the mirrored expression, where that is another one.
    """
    trust, lost = _trust()
    other = (field if mirrored is None else mirrored)[..., _mirror_pairs(), :] * _MIRROR
    mended = trust[0][:, None] * field + trust[1][:, None] * other
    face = canonical_face().vertices
    for side in (0, 1):
        outer, inner = EYE_CORNERS[side]
        row = np.array([outer, *UPPER_LIDS[side], inner])
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(face[row], axis=0), axis=1))])
        known = np.flatnonzero(~lost[row])
        for k in np.flatnonzero(lost[row]):
            after = np.searchsorted(known, k)
            a, b = known[after - 1], known[after]
            t = (along[k] - along[a]) / (along[b] - along[a])
            mended[..., row[k], :] = (1 - t) * mended[..., row[a], :] + t * mended[..., row[b], :]
    return mended


@cache
def _trust() -> tuple[np.ndarray, np.ndarray]:
    """How far each landmark's own and its mirrored binding count [2, 468], and those that neither describes [468]."""
    face = canonical_face()
    own = _align()[1] - face.vertices
    candidates = np.stack([own, own[_mirror_pairs()] * _MIRROR])
    neighbors = [np.unique(face.triangles[(face.triangles == i).any(1)]) for i in range(_SKIN_POINTS)]
    counts = np.array([len(near) for near in neighbors])
    groups = [np.flatnonzero(counts == count) for count in np.unique(counts)]
    agreed = candidates.mean(0)
    around = np.empty_like(agreed)
    for _ in range(6):
        for points in groups:
            near = np.stack([neighbors[i] for i in points])
            around[points] = np.median(np.concatenate([*candidates[:, near], agreed[near]], axis=1), axis=1)
        distance = np.linalg.norm(candidates - around, axis=-1)
        trust = np.exp(-((distance / _AGREEMENT_CM) ** 2)) + 1e-12
        trust /= trust.sum(0)
        agreed = (candidates * trust[..., None]).sum(0)
    lids = np.isin(np.arange(_SKIN_POINTS), np.concatenate(UPPER_LIDS))
    return trust, lids & (distance.min(0) > _LOST_CM)


def _close_lips(landmarks: np.ndarray) -> None:
    """Bring the inner lips together: the binding has them where they part, behind the line that a picture shows."""
    lower, upper = np.array(INNER_LIPS[1:10]), np.array(INNER_LIPS[:10:-1])
    excess = landmarks[upper, 1] - landmarks[lower, 1] - _LIP_GAP_CM
    order = np.argsort(landmarks[upper, 0])
    x, excess = landmarks[upper, 0][order], excess[order]
    for rows, inner, sign in ((UPPER_LIP_ROWS, upper, -0.5), (LOWER_LIP_ROWS, lower, 0.5)):
        points = landmarks[list(rows)]
        edge = landmarks[inner][np.argsort(landmarks[inner, 0])]
        height = np.abs(points[:, 1] - np.interp(points[:, 0], edge[:, 0], edge[:, 1]))
        share = np.clip(1 - height / 0.8, 0, 1)
        landmarks[list(rows), 1] += sign * share * np.interp(points[:, 0], x, excess, left=0, right=0)


def _round_lips(offsets: np.ndarray) -> None:
    """Let the middle of the lips [..., 478, 3 offsets] go on as beside it: the head's come to a point there."""
    for rows in (UPPER_LIP_ROWS, LOWER_LIP_ROWS):
        columns = np.array(rows).reshape(-1, 4)  # the middle, then from there to each corner
        left, right = columns[1:5], columns[5:]
        near, next_ = ((offsets[..., left[k], :] + offsets[..., right[k], :]) / 2 for k in (0, 1))
        offsets[..., columns[0], :] = (4 * near - next_) / 3  # the parabola's vertex


def _shut_lids(blink: np.ndarray, side: int) -> None:
    """Let the upper lid's edge [478, 3 offsets of a blink] end on the lower lid's, at every point of the row."""
    rest = bundled_neutral()
    upper, lower = list(UPPER_LIDS[side]), list(LOWER_LIDS[side])
    blink[upper, 1:] = (rest[lower] + blink[lower] - rest[upper])[:, 1:]


def _look_up(look: np.ndarray, side: int) -> None:
    """Turn an eye [478, 3 offsets of a look up] as far as people do: the target's lower lid rises, its upper hardly."""
    look[IRISES[side]] *= _RAISED
    rise, profile = look[IRISES[side].start, 1], np.sin(np.pi * np.arange(1, 8) / 8) ** 0.7
    for row, follows in zip((UPPER_LIDS[side], LOWER_LIDS[side]), _LIDS_FOLLOW, strict=True):
        look[list(row), 1] = follows * rise * profile
    look[list(EYE_CORNERS[side])] = 0


def _eyeball(side: int) -> np.ndarray:
    mesh = head_mesh()
    return _align()[2][np.unique(mesh.triangles[mesh.parts == _EYEBALLS[side]])]


def _eyeball_turn(side: int, name: str) -> np.ndarray:
    """[5, 2] offsets of the iris points when the eyeball turns as in an eyeLook target."""
    mesh = head_mesh()
    vertices = np.unique(mesh.triangles[mesh.parts == _EYEBALLS[side]])
    ball = _align()[2][vertices]
    moved = mesh.offsets(name)[vertices] @ _align()[0]
    center = ball.mean(0)
    affine, *_ = np.linalg.lstsq(np.column_stack([ball - center, np.ones(len(ball))]), moved, rcond=None)
    radius = (ball[:, 2].max() - ball[:, 2].min()) / 2
    depth = np.sqrt(radius**2 - _IRIS_RADIUS_CM**2)
    iris = _IRIS_POINTS * _IRIS_RADIUS_CM + [0, 0, depth]
    return (np.column_stack([iris, np.ones(len(iris))]) @ affine)[:, :2]
