"""478 face landmarks with irises: the attention mesh model on a rotated crop.

Grishchenko et al., "Attention Mesh: High-fidelity Face Mesh Prediction in Real-time", arXiv 2006.10962.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..face.topology import EYE_CORNERS, EYE_RINGS, IRISES
from .covered import face_tones
from .detector import Detection
from .onnx_session import session
from .opencv import opencv
from .registration import FaceView

_INPUT = 192
_ENLARGE = 1.5
"""Edge of the crop over the longer edge of the face's box."""
_PATCH = 8
"""Pixels of the region a side that become one of the patch."""
_OUTPUTS = (
    "output_mesh_identity",
    "conv_faceflag",
    "output_lips",
    "output_left_eye",
    "output_right_eye",
    "output_left_iris",
    "output_right_iris",
)

# Mesh vertices of the refined outputs, in the order in which the model emits them.
_LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
    76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
    62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407,
)  # fmt: skip
_LEFT_EYE = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24, 23, 22, 26, 112,
    243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189,
    35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
)  # fmt: skip
_RIGHT_EYE = (
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359, 255, 339, 254, 253, 252, 256,
    341, 463, 467, 260, 259, 257, 258, 286, 414, 446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442,
    441, 413, 265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296, 336,
    285, 417,
)  # fmt: skip


@dataclass(frozen=True)
class Region:
    """A rotated square of a picture in which a face is looked at."""

    center: np.ndarray
    """[2] pixels."""
    edge: float
    """Pixels."""
    angle: float
    """Radians by which the eyes' line is turned from the horizontal, clockwise in the picture."""

    def to_picture(self, size: int = _INPUT) -> np.ndarray:
        """[2, 3] similarity from the pixels of the region, sampled with `size` a side, to picture pixels."""
        scale = self.edge / size
        cos, sin = np.cos(self.angle) * scale, np.sin(self.angle) * scale
        linear = np.array([[cos, -sin], [sin, cos]])
        return np.column_stack([linear, self.center - linear.sum(1) * (size / 2)])


@dataclass(frozen=True)
class Landmarks:
    """Landmarks of one face."""

    points: np.ndarray
    """[478, 3] float32 pixels; z grows away from the camera."""
    score: float
    """0..1 how sure the model is that the crop shows a face."""
    patch: np.ndarray = field(default_factory=lambda: np.zeros((_INPUT // _PATCH,) * 2 + (3,), np.uint8))
    """[24, 24, 3] the region of the face as it was seen, small and upright."""
    view: FaceView | None = None
    """What was seen, in full."""
    tones: np.ndarray | None = None
    """See `covered.face_tones`."""

    @property
    def box(self) -> np.ndarray:
        """[4] left, top, right, bottom of the face without the irises."""
        face = self.points[:468, :2]
        return np.concatenate([face.min(0), face.max(0)])

    @property
    def size(self) -> float:
        """Longer edge of the box in pixels."""
        box = self.box
        return float(max(box[2] - box[0], box[3] - box[1]))


def region_of_detection(face: Detection) -> Region:
    """Where to look for the landmarks of a detected face."""
    return _region(face.box, face.keypoints[0], face.keypoints[1])


def region_of_landmarks(face: Landmarks) -> Region:
    """Where to look for the landmarks in the next frame, or again in this one."""
    return _region(face.box, face.points[EYE_CORNERS[0][0], :2], face.points[EYE_CORNERS[1][0], :2])


def _region(box: np.ndarray, left_eye: np.ndarray, right_eye: np.ndarray) -> Region:
    across = right_eye - left_eye
    edge = max(box[2] - box[0], box[3] - box[1]) * _ENLARGE
    return Region((box[:2] + box[2:]) / 2, float(edge), float(np.arctan2(across[1], across[0])))


class FaceLandmarker:
    """Finds the landmarks in a region. Holds no state of its own; instances are cheap."""

    def detect(self, image: np.ndarray, region: Region) -> Landmarks:
        """Landmarks of the face in `region` of `image` [H, W, 3] uint8 RGB, which may show none: see `score`."""
        to_picture = region.to_picture()
        seen = _sample(image, to_picture)
        tensor = seen.astype(np.float32)[None] / 255
        patch = opencv().resize(seen, None, fx=1 / _PATCH, fy=1 / _PATCH, interpolation=opencv().INTER_AREA)
        raw = session("face_landmarks.onnx").run(_OUTPUTS, {"input_1": tensor})
        mesh, flag, lips, left_eye, right_eye, left_iris, right_iris = (output.reshape(-1) for output in raw)
        points = np.empty((478, 3), np.float32)
        points[:468] = mesh.reshape(468, 3)
        for indices, refined in ((_LIPS, lips), (_LEFT_EYE, left_eye), (_RIGHT_EYE, right_eye)):
            points[indices, :2] = refined.reshape(-1, 2)
        for indices, ring, refined in zip(IRISES, EYE_RINGS, (left_iris, right_iris), strict=True):  # type: ignore[assignment]
            points[indices, :2] = refined.reshape(-1, 2)
            points[indices, 2] = points[ring, 2].mean()
        tones = face_tones(seen, points[:, :2])
        points[:, :2] = points[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        points[:, 2] *= region.edge / _INPUT
        score = float(1 / (1 + np.exp(-np.clip(flag[0], -80, 80))))
        view = FaceView(opencv().cvtColor(seen, opencv().COLOR_RGB2GRAY), to_picture, image.shape[1::-1])
        return Landmarks(points, score, patch, view, tones)

    def refine(self, image: np.ndarray, face: Landmarks, rounds: int = 2) -> Landmarks:
        """Look again, `rounds` times, at where the landmarks say the face is."""
        for _ in range(rounds):
            face = self.detect(image, region_of_landmarks(face))
        return face


def _sample(image: np.ndarray, to_picture: np.ndarray) -> np.ndarray:
    """[192, 192, 3] uint8 of a region: edge pixels repeated outside of the picture, large faces shrunk by areas."""
    cv2 = opencv()
    shrink = int(np.sqrt(abs(np.linalg.det(to_picture[:, :2]))))
    if shrink >= 2:
        image, to_picture = _shrink_around(image, to_picture, shrink)
    return cv2.warpAffine(
        image,
        to_picture,
        (_INPUT, _INPUT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _shrink_around(image: np.ndarray, to_picture: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of the picture that a region covers, shrunk by `factor`, and the region's similarity in that part."""
    corners = np.array([[0, 0, 1], [_INPUT, 0, 1], [0, _INPUT, 1], [_INPUT, _INPUT, 1]]) @ to_picture.T
    limits = np.array(image.shape[1::-1])
    low = np.clip(np.floor(corners.min(0)).astype(int) - factor, 0, limits - 1)
    high = np.clip(np.ceil(corners.max(0)).astype(int) + factor, low + 1, limits)
    size = np.maximum((high - low) // factor, 1)
    part = image[low[1] : high[1], low[0] : high[0]]
    cv2 = opencv()
    small = cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    scale = size / (high - low)
    shifted = to_picture.copy()
    shifted[:, 2] += 0.5 - low  # pixel centers: (x + 0.5 - low) * scale - 0.5
    shifted *= scale[:, None]
    shifted[:, 2] -= 0.5
    return small, shifted
