"""Face recognition: a picture and its landmarks to an embedding, whose cosines tell how alike two faces are.

SFace (Zhong et al., arXiv 2205.12010; OpenCV Zoo) may be used for anything, as may dlib's network, which is bundled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from ..weights import require_weight
from .arcface import align_face, arcface_picture, five_points
from .detector import Detection
from .insight import detect_faces, load_insight
from .onnx_session import open_session, session

if TYPE_CHECKING:
    from ..settings import Settings

KINDS = ("sface", "insightface", "dlib")
SFACE = "face_recognition_sface_2021dec.onnx"
SAME = {"sface": 0.363, "insightface": 0.35, "dlib": 0.5}
"""Cosine from which two faces are one person's: OpenCV's own for SFace; none is published for insightface's network;
dlib's, which is bundled, tells people in films apart by it (tools/measure_identity.py)."""
_DLIB_EDGE = 150
_DLIB_POINTS = np.array([[47.5, 46.6], [100.5, 46.6], [74.0, 76.6], [50.4, 103.0], [97.6, 103.0]])
"""Eyes, nose tip, mouth corners of dlib's mean face in its picture, with a quarter around."""


class Embedder(Protocol):
    """A network of face recognition."""

    def __call__(self, picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Embedding [D] float32 of norm 1 of the face with `landmarks` [478, 3] in `picture` [H, W, 3] uint8 RGB."""
        ...


class Recognizer(NamedTuple):
    """What tells people apart."""

    embed: Embedder
    same: float
    """Cosine from which two faces are one person's."""


class DlibFace:
    """The bundled network, dlib's: 128 numbers, less those of a usual face."""

    def __call__(self, picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """See `Embedder`."""
        return unit(
            session("face_recognition.onnx.xz").run(None, {"face": dlib_picture(picture, landmarks)})[0].reshape(-1)
        )


class SFace:
    """OpenCV Zoo's SFace: 128 numbers."""

    def __init__(self, settings: Settings) -> None:
        """Raise WeightsError where its file is missing, truncated or changed."""
        self._session = open_session(require_weight(SFACE, settings.folders))
        self._input = self._session.get_inputs()[0].name

    def __call__(self, picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """See `Embedder`."""
        face = arcface_picture(picture, five_points(landmarks)).astype(np.float32)  # RGB 0..255
        return unit(self._session.run(None, {self._input: face.transpose(2, 0, 1)[None]})[0].reshape(-1))


class InsightFace:
    """insightface's ArcFace: 512 numbers, aligned by the bundled landmarks."""

    def __init__(self, settings: Settings) -> None:
        """Raise as `insight.load_insight`."""
        self._analysis = load_insight(settings)

    def __call__(self, picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """See `Embedder`."""
        face = arcface_picture(picture, five_points(landmarks))
        return unit(self._analysis.models["recognition"].get_feat(np.ascontiguousarray(face[..., ::-1]))[0])

    def detect(self, picture: np.ndarray) -> list[Detection]:
        """See `insight.detect_faces`."""
        return detect_faces(self._analysis, picture)


def embedder(kind: str, settings: Settings) -> Embedder:
    """Return the recognizer `kind` of `KINDS`.

    Raises:
        WeightsError: its file is not here; the message says how to get it.
        GagavatarError: it needs a package that is not installed.
    """
    makers: dict[str, Callable[[Settings], Embedder]] = {"sface": SFace, "insightface": InsightFace}
    return DlibFace() if kind == "dlib" else makers[kind](settings)


def dlib_picture(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """[1, 3, 150, 150] float32 RGB 0..255: a face as dlib's network takes it."""
    face = align_face(picture, five_points(landmarks), _DLIB_POINTS, _DLIB_EDGE)
    return face.astype(np.float32).transpose(2, 0, 1)[None]


def bundled_recognizer() -> Recognizer:
    """Return the recognizer that is always here."""
    return Recognizer(DlibFace(), SAME["dlib"])


def unit(embedding: np.ndarray) -> np.ndarray:
    """Return a vector [D] of norm 1."""
    return embedding / max(float(np.linalg.norm(embedding)), 1e-12)
