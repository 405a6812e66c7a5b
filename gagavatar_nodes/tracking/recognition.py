"""Face recognition: a picture and its landmarks to an embedding, whose cosines tell how alike two faces are.

SFace (Zhong et al., arXiv 2205.12010; OpenCV Zoo) may be used for anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..weights import require_weight
from .arcface import arcface_picture, five_points
from .detector import Detection
from .insight import detect_faces, load_insight
from .onnx_session import open_session

if TYPE_CHECKING:
    from ..settings import Settings

KINDS = ("sface", "insightface")
SFACE = "face_recognition_sface_2021dec.onnx"
SAME = {"sface": 0.363, "insightface": 0.35}
"""Cosine from which two faces are one person's: OpenCV's own for SFace; none is published for insightface's network."""


class Embedder(Protocol):
    """A network of face recognition."""

    def __call__(self, picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Embedding [D] float32 of norm 1 of the face with `landmarks` [478, 3] in `picture` [H, W, 3] uint8 RGB."""
        ...


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
    return makers[kind](settings)


def unit(embedding: np.ndarray) -> np.ndarray:
    """Return a vector [D] of norm 1."""
    return embedding / max(float(np.linalg.norm(embedding)), 1e-12)
