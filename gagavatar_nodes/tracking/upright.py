"""Which way up a face stands: pictures and videos that lie on their side or upside down without saying so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..face.topology import EYE_CORNERS
from .detector import Detection, FaceDetector
from .face_mesh import Landmarks, Region, region_of_detection
from .opencv import opencv

_SIDEWAYS = np.radians(60)
"""Roll from which a picture lies on its side: people tilt their heads by 50 degrees at most."""
_SURE = 0.85
_CLEARLY = 0.1
"""Score of the detector that only upright faces have, and by how much it must prefer another way up: faces score 0.2 to
0.4 less upside down."""
_EDGE = 256
_AROUND = 1.4
"""Edge of the picture in which the two ways are compared, over that of the landmark model's region."""


def look_region(image: np.ndarray, face: Detection) -> Region:
    """Where to look for a detected face's landmarks, with the chin below the eyes.

    The detector takes upside-down faces for upright ones, whose landmarks then look right, and is a bad judge of the
    angle of those that lie on their side: in doubt it looks again at the picture in other ways up.
    """
    region = region_of_detection(face)
    turns = round(region.angle / (np.pi / 2))
    score, seen = _detect_turned(image, region, turns)
    if score < _SURE:
        others = (_detect_turned(image, region, turns + more) for more in (2, 1, -1))
        best, other = max(others, key=lambda pair: pair[0])
        if best >= score + _CLEARLY:
            return other
    return region if turns == 0 else seen


def quarter_turns(points: np.ndarray) -> int:
    """Counter-clockwise turns, 0 to 3, that set upright the picture of a face with these landmarks [478, 3]."""
    (left, _), (right, _) = EYE_CORNERS
    across = points[right, :2] - points[left, :2]
    roll = np.arctan2(across[1], across[0])
    return 0 if abs(roll) < _SIDEWAYS else round(roll / (np.pi / 2)) % 4


def turn_points(points: np.ndarray, turns: int, shape: tuple[int, ...]) -> np.ndarray:
    """[..., 3] pixels of a picture of `shape` (H, W, ...) to those of the picture turned by `np.rot90(_, turns)`."""
    height, width = shape[:2]
    for _ in range(turns % 4):
        x, y, z = np.moveaxis(points, -1, 0)
        points = np.stack([y, width - 1 - x, z], axis=-1)
        height, width = width, height
    return points


def turn_landmarks(face: Landmarks, turns: int, shape: tuple[int, ...]) -> Landmarks:
    """Return the landmarks in the picture turned by `np.rot90(_, turns)`."""
    return replace(face, points=turn_points(face.points, turns, shape))


def _detect_turned(image: np.ndarray, region: Region, turns: int) -> tuple[float, Region]:
    """Score of the face in a region that is seen turned by quarters, clockwise, and where to look for it."""
    cv2 = opencv()
    turned = replace(region, edge=region.edge * _AROUND, angle=turns * np.pi / 2)
    to_picture = turned.to_picture(_EDGE)
    patch = cv2.warpAffine(image, to_picture, (_EDGE, _EDGE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    found = max(FaceDetector().detect_whole(patch, 0.2), key=lambda face: face.score, default=None)
    if found is None:
        return 0.0, turned
    seen = region_of_detection(found)
    center = to_picture[:, :2] @ seen.center + to_picture[:, 2]
    return found.score, Region(center, seen.edge * turned.edge / _EDGE, seen.angle + turned.angle)
