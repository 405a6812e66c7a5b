"""Which frames are fit to learn from, and why others are not."""

from __future__ import annotations

from collections import deque

import numpy as np

from ...face.pose import solve_pose, yaw_pitch_roll
from ...tracking.face_mesh import Landmarks
from ...tracking.opencv import opencv

NO_FACE = "no face"
REPEATED = "repeats the frame before"
SMALL = "head too small"
CUT_OFF = "head cut off by the picture's edge"
OFF_CENTER = "head moves out of the crop"
TURNED = "face turned away"
BLURRED = "blurred"
CROWDED = "another face in the crop"
NO_HEAD = "no head by the published tracker"
NO_MATTE = "matte lost the head"

_OUTSIDE = 0.08
"""Share of the head's box that may lie outside of the picture, or of the crop."""
_FARTHEST_YAW = np.radians(75)
_SURE = 0.8
"""Face score under which the landmarks of a turned or covered face cannot be trusted."""
_SHARPNESS_EDGE, _BLUR, _MEMORY = 96, 0.2, 50
"""A face of 96 pixels counts as blurred with under 0.2 of the usual variance of its Laplacian."""
_STILL = 0.1
"""Mean difference of two codings of one frame, in levels of 255; a camera's noise alone makes more."""
_FOREIGN = 0.25
"""Share of another face's box inside of the crop."""


class FrameJudge:
    """Looks at the frames of one person, one after the other."""

    def __init__(self, smallest: int) -> None:
        """`smallest`: edge in pixels of the square that becomes a crop, at least."""
        self._smallest = smallest
        self._sharpness: deque[float] = deque(maxlen=_MEMORY)

    def fault(
        self,
        image: np.ndarray,
        face: Landmarks,
        head: np.ndarray,
        square: tuple[int, int, int],
        others: list[Landmarks],
    ) -> str | None:
        """Why the frame is not fit, or None.

        Args:
            image: [H, W, 3] uint8.
            face: of this person, pixels.
            head: [4] its head's box.
            square: left, top and edge of the crop.
            others: the other faces in the frame.
        """
        sharpness = _sharpness(image, face.box)
        usual = float(np.median(self._sharpness)) if self._sharpness else 0.0
        self._sharpness.append(sharpness)
        left, top, edge = square
        pose, _ = solve_pose(face.points)
        picture = np.array([0, 0, image.shape[1], image.shape[0]], float)
        crop = np.array([left, top, left + edge, top + edge], float)
        faults = {
            SMALL: edge < self._smallest,
            CUT_OFF: _share_inside(head, picture) < 1 - _OUTSIDE,
            OFF_CENTER: _share_inside(head, crop) < 1 - _OUTSIDE,
            TURNED: face.score < _SURE or abs(yaw_pitch_roll(pose.rotation)[0]) > _FARTHEST_YAW,
            CROWDED: any(_share_inside(other.box, crop) > _FOREIGN for other in others),
            BLURRED: sharpness < _BLUR * usual,
        }
        return next((reason for reason, is_so in faults.items() if is_so), None)


def same_picture(image: np.ndarray, before: np.ndarray | None) -> bool:
    """Whether a frame only repeats the one before it, as films do that were brought to a higher frame rate."""
    if before is None or image is before:
        return before is not None
    difference = np.abs(image[::4, ::4].astype(np.int16) - before[::4, ::4])
    return float(difference.mean()) < _STILL


def matte_fault(alpha: np.ndarray, landmarks: np.ndarray) -> str | None:
    """`NO_MATTE` where the matte [S, S] leaves out the face at `landmarks` [478, 3] in its pixels."""
    cv2 = opencv()
    face = np.zeros(alpha.shape, np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull(landmarks[:468, :2].round().astype(np.int32)), 1)
    return NO_MATTE if float(alpha[face > 0].mean()) < 0.9 else None


def _share_inside(box: np.ndarray, frame: np.ndarray) -> float:
    common = np.clip(np.minimum(box[2:], frame[2:]) - np.maximum(box[:2], frame[:2]), 0, None).prod()
    return float(common / (box[2:] - box[:2]).prod())


def _sharpness(image: np.ndarray, box: np.ndarray) -> float:
    """Variance of the Laplacian of the face at a fixed size, over the variance of its gray values."""
    cv2 = opencv()
    left, top, right, bottom = np.clip(box, 0, [*image.shape[1::-1], *image.shape[1::-1]]).astype(int)
    part = image[top : max(bottom, top + 2), left : max(right, left + 2)]
    if part.size == 0:
        return 0.0
    size = (_SHARPNESS_EDGE, _SHARPNESS_EDGE)
    gray = cv2.cvtColor(cv2.resize(part, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(cv2.Laplacian(gray, cv2.CV_32F).var() / (gray.var() + 1))
