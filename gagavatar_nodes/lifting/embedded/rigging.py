"""The embedded avatar as a rig: its own posing, sampled at the ARKit units."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ...driving.operations import neutral_motion
from ...driving.performing import perform_weights
from ...driving.retarget import Retargeter
from ...export.rig import Eye, Rig, Shape, activations
from ...export.rig_file import Take
from ...face.pose import NECK_PIVOT
from ...face.topology import CHIN, eye_widths
from ...types import ARKIT_NAMES
from .binding import CONTROLS, LANDMARKS, Handle
from .torso import torso_ends

if TYPE_CHECKING:
    from .avatar import EmbeddedAvatar

_UNITS = len(ARKIT_NAMES)
_MISSED_CM = 0.015  # what a take may leave out of its controls' offsets, root of the mean square
_MOST_SHAPES = 48
_SEEN_CM = 0.004  # offsets of a correcting shape below this are left out
_HEAD_PIVOT = np.array([0.0, -2.0, -4.5])  # between the ears, where the skull sits on the neck
_JAW_PIVOT = np.array([0.0, -1.5, -5.0])  # the jaw's hinge, before the ears


def rig_of(avatar: EmbeddedAvatar) -> Rig:
    """Return the rig of an avatar: what `perform` does to it for each unit, halves of units, and pairs of them."""
    layer, stage = avatar.layer, avatar.stage
    shapes = avatar.rig_shapes
    unit_gaze = _gaze(np.eye(_UNITS)) - _gaze(np.zeros((1, _UNITS)))
    steep, normals, facing = avatar.poser.steep
    return Rig(
        points=layer.points,
        controls=layer.binding.controls,
        weights=layer.binding.weights,
        head=layer.head,
        torso=torso_ends(layer, stage),
        colors=np.maximum(layer.colors, 0),
        opacities=layer.opacities,
        covariances=layer.covariances,
        neighbors=layer.neighbors[: layer.lattice],
        steep=steep,
        normals=normals,
        facing=facing,
        fade=avatar.mouth_fade,
        landmarks=avatar.canonical,
        jaw=_jaw_shares(avatar.canonical, shapes),
        shapes=shapes,
        eyes=_eyes(avatar),
        gaze=unit_gaze,
        rotation=stage.rotation,
        translation=stage.translation,
        rest_rotation=avatar.perform(neutral_motion()).retargeter.placement(0).rotation,
        neck_pivot=NECK_PIVOT,
        head_pivot=_HEAD_PIVOT,
        jaw_pivot=_JAW_PIVOT,
        camera_distance=stage.distance,
    )


def rig_shapes(avatar: EmbeddedAvatar) -> Iterator[Shape]:
    """Yield what neutral, units, their halves and their pairs do to the controls, each without the ones before."""
    pairs = list(combinations(range(_UNITS), 2))
    eye: np.ndarray = np.eye(_UNITS, dtype=np.float32)
    both_on = np.stack([eye[i] + eye[j] for i, j in pairs])
    samples: list[np.ndarray] = [np.zeros((1, _UNITS), np.float32), eye, eye / 2, both_on]
    offsets = _sample(avatar, np.concatenate(samples))
    rest, whole, half, both = np.split(offsets, np.cumsum([len(s) for s in samples])[:-1])
    whole, half, both = whole - rest, half - rest, both - rest
    yield Shape((), rest[0])
    for unit in range(_UNITS):
        yield Shape((unit,), whole[unit])
    candidates = [((i, i), half[i] - whole[i] / 2) for i in range(_UNITS)]
    candidates += [((i, j), both[k] - whole[i] - whole[j]) for k, (i, j) in enumerate(pairs)]
    for units, correction in candidates:
        seen = np.where(np.abs(correction).max(1, keepdims=True) > _SEEN_CM, correction, 0)
        if seen.any():
            yield Shape(units, seen)


def _sample(avatar: EmbeddedAvatar, weights: np.ndarray) -> np.ndarray:
    """Offsets [T, CONTROLS, 3] of the avatar's controls under ARKit weights [T, 52], the irises' left out."""
    still = np.tile(np.eye(3), (len(weights), 1, 1))
    motion = perform_weights(weights, still, np.zeros((len(weights), 3)), 25.0)
    return _performed_offsets(avatar, Retargeter(motion, avatar.canonical))


def _performed_offsets(avatar: EmbeddedAvatar, retargeter: Retargeter) -> np.ndarray:
    count = len(retargeter.motion)
    offsets = np.stack([avatar.controls(retargeter.displacements(i), np.zeros((2, 2))) for i in range(count)])
    offsets[:, [Handle.LEFT_GAZE, Handle.RIGHT_GAZE]] = 0
    return offsets.astype(np.float64)


def _gaze(weights: np.ndarray) -> np.ndarray:
    still = np.tile(np.eye(3), (len(weights), 1, 1))
    return perform_weights(weights.astype(np.float32), still, np.zeros((len(weights), 3)), 25.0).gaze.astype(np.float64)


def _eyes(avatar: EmbeddedAvatar) -> tuple[Eye, Eye]:
    (own, low, high), widths = avatar.gaze_range, eye_widths(avatar.canonical)
    left, right = (
        Eye(int(handle), own[k], float(widths[k]), low[k], high[k])
        for k, handle in enumerate((Handle.LEFT_GAZE, Handle.RIGHT_GAZE))
    )
    return left, right


def _jaw_shares(landmarks: np.ndarray, shapes: tuple[Shape, ...]) -> np.ndarray:
    """[CONTROLS] how much each control goes with the jaw: its way under jawOpen over that of a jaw on a hinge."""
    way = next(s.offsets for s in shapes if s.units == (ARKIT_NAMES.index("jawOpen"),))
    arm = landmarks.astype(np.float64) - _JAW_PIVOT
    tangent = np.stack([np.zeros(len(arm)), -arm[:, 2], arm[:, 1]], 1)  # of a turn about x by one radian
    angle = (way[CHIN] @ tangent[CHIN]) / (tangent[CHIN] @ tangent[CHIN])
    hinged = angle * tangent
    share = (way[:LANDMARKS] * hinged).sum(1) / np.maximum((hinged**2).sum(1), 1e-9)
    jaw = np.zeros(CONTROLS)
    jaw[:LANDMARKS] = np.clip(share, 0, 1)
    jaw[[Handle.LOWER_TEETH, Handle.TONGUE]] = 1
    return jaw


def take_of(avatar: EmbeddedAvatar, retargeter: Retargeter, name: str = "") -> Take:
    """Return a performance as the rig plays it: the motion's weights, and its own shapes for what they leave out."""
    from scipy.spatial.transform import Rotation

    motion = retargeter.motion
    count = len(motion)
    weights = motion.arkit.astype(np.float16)
    placements = [retargeter.placement(i) for i in range(count)]
    missed = _performed_offsets(avatar, retargeter) - _rig_offsets(avatar.rig_shapes, weights)
    shapes, shares = _principal(missed.reshape(count, -1))
    return Take(
        name=name or motion.source,
        fps=motion.fps,
        weights=weights,
        rotation=Rotation.from_matrix([p.rotation for p in placements]).as_rotvec().astype(np.float32),
        scale=np.array([p.scale for p in placements], np.float32),
        shift=np.array([p.shift for p in placements], np.float32),
        gaze=np.array([retargeter.gaze(i) for i in range(count)], np.float32),
        shapes=shapes.reshape(-1, CONTROLS, 3),
        shares=shares,
    )


def _rig_offsets(shapes: tuple[Shape, ...], weights: np.ndarray) -> np.ndarray:
    active = activations(shapes, weights.astype(np.float64))
    return np.tensordot(active, np.stack([shape.offsets for shape in shapes]), 1)


def _principal(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapes [K, D] and shares [T, K] that make rows [T, D], to `_MISSED_CM` in the mean."""
    variances, vectors = np.linalg.eigh(rows @ rows.T)
    variances, vectors = variances[::-1].clip(0), vectors[:, ::-1]
    left_out = np.sqrt(np.append(np.cumsum(variances[::-1])[::-1], 0) / (len(rows) * CONTROLS))
    count = min(int(np.argmax(left_out < _MISSED_CM)), _MOST_SHAPES)
    lengths = np.sqrt(variances[:count])
    return (vectors[:, :count].T @ rows) / np.maximum(lengths, 1e-9)[:, None], vectors[:, :count] * lengths
