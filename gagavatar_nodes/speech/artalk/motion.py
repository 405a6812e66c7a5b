"""ARTalk's codes as a motion, and back: FLAME's expression and jaw, and a head that turns in its place."""

from __future__ import annotations

import os

import numpy as np

from ...errors import FileFormatError
from ...heads.editions import check_same_edition
from ...heads.flame import PUBLISHED_EDITION, SHAPES
from ...types import AUTHORED_NEUTRAL, FRONTAL_ROTATION, FlameCodes, Motion
from .smoothing import HEAD, JAW

FPS = 25
_EXPRESSION = slice(0, 100)
_DISTANCE = 9.5  # head units from the camera, where nobody asks for the portrait's


def motion_of(codes: np.ndarray, source: str = "") -> Motion:
    """Return the motion of codes [T, 106] at 25 frames a second, without ARKit weights yet.

    The head's rotation is absolute: zero looks into the camera. The codes tell nothing of its place, its shape, or the
    gaze; zero is the face at rest.
    """
    from scipy.spatial.transform import Rotation

    from ...tracking.emica.results import flame_motion

    turn = Rotation.from_rotvec(codes[:, HEAD].astype(np.float64)).as_matrix()
    transform = np.zeros((len(codes), 3, 4))
    transform[:, :, :3] = turn.transpose(0, 2, 1) @ FRONTAL_ROTATION
    transform[:, 2, 3] = _DISTANCE
    flame = FlameCodes(
        edition=PUBLISHED_EDITION,
        shape=np.zeros(SHAPES, np.float32),
        expression=codes[:, _EXPRESSION].astype(np.float32),
        jaw=codes[:, JAW].astype(np.float32),
        eyes=np.zeros((len(codes), 6), np.float32),
        transform=transform.astype(np.float32),
        placed=False,
        steady_forehead=True,
    )
    motion = flame_motion(flame, float(FPS), source)
    motion.extra["neutral"] = AUTHORED_NEUTRAL
    return motion


def codes_of(motion: Motion, path: str | os.PathLike[str]) -> np.ndarray:
    """Codes [T, 106] float32 of a motion at 25 frames a second; `path` is for the errors.

    Raises:
        FileFormatError: it has no FLAME codes.
        GagavatarError: they are of another edition than the published ones.
    """
    from scipy.spatial.transform import Rotation

    flame = motion.flame
    if flame is None:
        raise FileFormatError(f"{path} has no FLAME codes: track the video again with '--tracker landmarks'")
    check_same_edition(flame.edition, PUBLISHED_EDITION)
    head = Rotation.from_matrix(motion.rotation).as_rotvec()
    return np.concatenate([flame.expression, head, flame.jaw], 1).astype(np.float32)
