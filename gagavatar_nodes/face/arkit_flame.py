"""ARKit weights to FLAME codes and back, by linear maps fitted on the user's machine from their FLAME file.

The bundled head's expression targets and FLAME meet in the 68 landmarks that both models carry: FLAME's iBUG landmarks
and their counterparts in the 478-point face model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..heads.editions import check_same_edition
from ..heads.flame import EXPRESSIONS, Flame
from ..types import ARKIT_NAMES, HEAD_UNITS_PER_CM, FlameCodes, Motion
from .arkit import arkit_deltas, gaze_of
from .bundled_face import arkit_basis

IBUG_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,  # outline
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,  # brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # outer lips
    78, 82, 13, 312, 308, 317, 14, 87,  # inner lips
)  # fmt: skip
"""The landmarks of the 478-point model that lie where the 68 of iBUG do, in their order."""

_ERROR_CM = 0.1  # by which corresponding points of the two models move apart under the same expression
_OUTLINE_ERROR_CM = 0.5  # outlines correspond less well
_JAW_DEVIATIONS = (0.3, 0.03, 0.05)  # radians, of opening, turning and tilting the jaw
_JAW_STEP = 0.05  # radians, of the finite difference
_EYE_TURNS = {
    "eyeLookDown": ((0, 0.37), (0, 0.37)),
    "eyeLookUp": ((0, -0.25), (0, -0.25)),
    "eyeLookOut": ((1, 0.5), (1, -0.5)),
    "eyeLookIn": ((1, -0.5), (1, 0.5)),
}  # axis and radians at weight 1, of the subject's left and right eye; as far as the bundled eyes turn
_SWEEPS = 60
_BLOCK = 2048  # frames whose landmarks are worked on in full precision at once
_WEIGHT_DEVIATION = 0.5  # of ARKit weights, for the ridge of the way back


@dataclass(frozen=True)
class ArkitFlame:
    """Linear maps between the 52 ARKit weights and the codes of one FLAME edition."""

    edition: str
    expression: np.ndarray
    """[52, 100] expression codes at weight 1."""
    jaw: np.ndarray
    """[52, 3] axis-angle at weight 1."""
    eyes: np.ndarray
    """[52, 6] axis-angle at weight 1, left then right."""
    moves: np.ndarray
    """[103, 204] landmark offsets in weighted centimeters per expression code and per radian of the jaw."""
    targets: np.ndarray
    """[52, 204] the same per ARKit weight, of the bundled head."""

    def codes(self, arkit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Expression [T, 100], jaw [T, 3] and eyes [T, 6] float32 of ARKit weights [T, 52]."""
        return tuple((arkit @ m).astype(np.float32) for m in (self.expression, self.jaw, self.eyes))

    def weights(self, codes: FlameCodes) -> np.ndarray:
        """ARKit weights [T, 52] float32 in 0..1 that move the landmarks as the codes' expression, jaw and eyes do.

        Ridge least squares with bounds, by projected coordinate descent over all frames at once.
        """
        check_same_edition(codes.edition, self.edition)
        wanted = np.concatenate([codes.expression, codes.jaw], 1).astype(np.float64) @ self.moves
        gram = self.targets @ self.targets.T + np.eye(len(self.targets)) / _WEIGHT_DEVIATION**2
        pull = wanted @ self.targets.T
        weights = np.zeros((len(wanted), len(gram)))
        for _ in range(_SWEEPS):
            for k in range(len(gram)):
                free = weights[:, k] + (pull[:, k] - weights @ gram[:, k]) / gram[k, k]
                weights[:, k] = free.clip(0, 1)
        for k, (eye, axis, angle) in _eye_targets().items():
            weights[:, k] = (codes.eyes[:, 3 * eye + axis] / angle).clip(0, 1)
        return weights.astype(np.float32)


def fit_arkit_flame(flame: Flame) -> ArkitFlame:
    """Fit the map of one FLAME file: takes about a second, so it is made when it is needed.

    For each ARKit target the codes that best explain its landmark offsets, under FLAME's prior of unit deviation for
    the expression codes (maximum a posteriori).
    """
    precision = np.full(len(IBUG_68), 1 / _ERROR_CM)
    precision[:17] = 1 / _OUTLINE_ERROR_CM
    rows = np.repeat(precision, 3)
    targets = arkit_basis()[:, list(IBUG_68)].reshape(len(ARKIT_NAMES), -1) * rows
    moves = _landmark_moves(flame) / HEAD_UNITS_PER_CM * rows
    deviations = np.concatenate([np.ones(EXPRESSIONS), _JAW_DEVIATIONS])
    scaled = moves * deviations[:, None]
    solved = np.linalg.solve(scaled @ scaled.T + np.eye(len(scaled)), scaled @ targets.T).T * deviations
    return ArkitFlame(flame.edition, solved[:, :EXPRESSIONS], solved[:, EXPRESSIONS:], _eye_rows(), moves, targets)


def eye_codes(arkit: np.ndarray) -> np.ndarray:
    """Return FLAME's eye rotations [T, 6] float32 of ARKit weights [T, 52]."""
    return (arkit @ _eye_rows()).astype(np.float32)


def with_arkit(motion: Motion, arkit_flame: ArkitFlame) -> Motion:
    """A motion of FLAME codes with ARKit weights, landmark offsets and gaze made from them, for the embedded avatar."""
    if motion.flame is None:
        raise ValueError("the motion has no FLAME codes")
    count = len(motion)
    arkit, deltas = np.empty((count, len(ARKIT_NAMES)), np.float32), np.empty((count, 478, 3), np.float16)
    gaze = np.empty((count, 2, 2), np.float32)
    for start in range(0, count, _BLOCK):
        block = slice(start, start + _BLOCK)
        arkit[block] = arkit_flame.weights(motion.flame.with_face(lambda values, block=block: values[block]))  # type: ignore[misc]
        moved = arkit_deltas(arkit[block])
        deltas[block], gaze[block] = moved, gaze_of(motion.neutral + moved)
    return replace(motion, arkit=arkit, deltas=deltas, gaze=gaze)


def with_added(codes: FlameCodes, arkit_flame: ArkitFlame) -> FlameCodes:
    """Return the codes with what is added to them turned into codes of the same edition."""
    if codes.added is None:
        return codes
    check_same_edition(codes.edition, arkit_flame.edition)
    expression, jaw, eyes = arkit_flame.codes(codes.added)
    return replace(
        codes, expression=codes.expression + expression, jaw=codes.jaw + jaw, eyes=codes.eyes + eyes, added=None
    )


def flame_codes(motion: Motion, arkit_flame: ArkitFlame, shape: np.ndarray, transform: np.ndarray) -> FlameCodes:
    """FLAME codes of a motion's ARKit weights, with the given `shape` [300] and cameras [T, 3, 4]."""
    return FlameCodes(arkit_flame.edition, shape, *arkit_flame.codes(motion.arkit), transform)


def _landmark_moves(flame: Flame) -> np.ndarray:
    """[103, 204] offsets of the 68 landmarks in head units per expression code and per radian of the jaw."""
    import torch

    shape = torch.zeros(1, 300, device=flame.template.device)
    expression = torch.cat([torch.eye(EXPRESSIONS), torch.zeros(7, EXPRESSIONS)]).to(shape.device)
    jaw = torch.zeros(EXPRESSIONS + 7, 3, device=shape.device)
    for axis in range(3):
        jaw[EXPRESSIONS + 2 * axis, axis], jaw[EXPRESSIONS + 2 * axis + 1, axis] = _JAW_STEP, -_JAW_STEP
    with torch.no_grad():
        points = flame.landmarks(flame(shape, expression, jaw))[:, :68].flatten(1).double().cpu().numpy()
    linear = points[:EXPRESSIONS] - points[-1]
    turns = points[EXPRESSIONS:-1].reshape(3, 2, -1)
    return np.concatenate([linear, (turns[:, 0] - turns[:, 1]) / (2 * _JAW_STEP)])


def _eye_rows() -> np.ndarray:
    """[52, 6] radians of both eyes' axes at weight 1."""
    rows = np.zeros((len(ARKIT_NAMES), 6))
    for k, (eye, axis, angle) in _eye_targets().items():
        rows[k, 3 * eye + axis] = angle
    return rows


def _eye_targets() -> dict[int, tuple[int, int, float]]:
    """Index of an eyeLook target -> which eye (0 left, 1 right), axis and radians at weight 1."""
    return {
        ARKIT_NAMES.index(f"{name}{side}"): (eye, *turns[eye])
        for name, turns in _EYE_TURNS.items()
        for eye, side in enumerate(("Left", "Right"))
    }
