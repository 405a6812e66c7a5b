"""What is fitted: codes, joint rotations and cameras of a run of frames."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .face_model import JOINTS
from .rotations import axis_angle_of, rotation_of


@dataclass(frozen=True)
class State:
    """Values of T frames, float64. Indexing gives a part of the frames."""

    codes: np.ndarray
    """[T, K]."""
    joints: np.ndarray
    """[T, 9] axis-angles of jaw, left eye, right eye."""
    rotation: np.ndarray
    """[T, 3, 3] of cameras `p @ R + t`."""
    translation: np.ndarray
    """[T, 3] of the cameras."""

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, part: slice | np.ndarray) -> State:
        return State(*(getattr(self, f.name)[part] for f in fields(self)))

    def moved(self, step: np.ndarray) -> State:
        """Return the state after a step [T, K + 9 + 3 + 3], columns as in `FaceModel.linearize`."""
        k = self.codes.shape[1]
        turn = rotation_of(step[:, k + JOINTS : -3])
        return State(
            self.codes + step[:, :k],
            self.joints + step[:, k : k + JOINTS],
            self.rotation @ turn.swapaxes(-1, -2),
            self.translation + step[:, -3:],
        )

    def differences(self) -> np.ndarray:
        """[T - 1, K + 9 + 3 + 3] the steps from each frame to the next."""
        turn = axis_angle_of(self.rotation[1:].swapaxes(-1, -2) @ self.rotation[:-1])
        steps = (np.diff(a, axis=0) for a in (self.codes, self.joints, self.translation))
        codes, joints, translation = steps
        return np.concatenate([codes, joints, turn, translation], -1)


def concatenate(states: list[State]) -> State:
    """Return the frames of several states, one after another."""
    return State(*(np.concatenate([getattr(s, f.name) for s in states]) for f in fields(State)))
