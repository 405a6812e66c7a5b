"""AKD: average distance of key points between result and truth, in pixels of a picture 512 wide."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..packages import load_package
from ..settings import Settings
from ..tracking.insight import load_insight
from .insight import insight_face
from .sights import Moment, Sight
from .variants import SELF, Variant

_SKIN = 468
_NAN = float("nan")


def mean_length(points: np.ndarray, truth: np.ndarray) -> float:
    """Mean Euclidean distance of points [N, D]."""
    return float(np.linalg.norm(points - truth, axis=-1).mean())


def mean_absolute(points: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute difference of coordinates [N, D]."""
    return float(np.abs(points - truth).mean())


def load_face_alignment(settings: Settings) -> Any:
    """Return face_alignment's detector of 68 points in 2D. Raises GagavatarError where it is not installed."""
    package = load_package(
        "face_alignment", "This metric", "face_alignment", "run `pip install face-alignment`, which fetches its weights"
    )
    return package.FaceAlignment(package.LandmarksType.TWO_D, device="cpu", flip_input=False)


def _skin(sight: Sight) -> np.ndarray | None:
    return None if sight.points is None else sight.points[:_SKIN, :2] * sight.unit


def _insight68(sight: Sight) -> np.ndarray | None:
    face = insight_face(sight)
    return None if face is None else np.asarray(face.landmark_3d_68, np.float64) * sight.unit


def _aligned68(sight: Sight) -> np.ndarray | None:
    def find() -> np.ndarray | None:
        found = sight.instruments.get(load_face_alignment).get_landmarks_from_image(sight.rgb)
        return None if not found else np.asarray(found[0], np.float64)[:, :2] * sight.unit

    return sight.once("face_alignment", find)


def _variant(id: str, title: str, what: str, source: str, points: Any, distance: Any, **more: Any) -> Variant:
    how = "mean Euclidean distance" if distance is mean_length else "mean absolute difference of coordinates"

    def of_frame(moment: Moment) -> float:
        ours, truth = points(moment.result), points(moment.truth)
        return _NAN if ours is None or truth is None else distance(ours, truth)

    return Variant(
        f"akd.{id}", title, f"{how} of {what}, pixels of a picture 512 wide", source, "px", "lower", of_frame,
        protocols=(SELF,), **more,
    )  # fmt: skip


_OWN = "the bundled tracker's 468 landmarks of the skin, in 2D"
_INSIGHT = "insightface's 68 landmarks, in 3D"
_ALIGNED = "face_alignment's 68 landmarks, in 2D"
_ISSUE = "github.com/xg-chu/GAGAvatar, issue 43; FlexAvatar, scripts/compute_metrics.py"
_OTAVATAR = "github.com/theEricMa/OTAvatar, issue 27"
VARIANTS = (
    _variant("l2.landmarks478", "AKD, 478 landmarks", _OWN, "this program", _skin, mean_length),
    _variant("l1.landmarks478", "AKD, 478 landmarks, L1", _OWN, "this program", _skin, mean_absolute),
    _variant(
        "l2.insightface3d68", "AKD, insightface 68 in 3D", _INSIGHT, _ISSUE, _insight68, mean_length,
        papers=("GAGAvatar", "FlexAvatar"), instrument=load_insight,
    ),
    _variant(
        "l1.insightface3d68", "AKD, insightface 68 in 3D, L1", _INSIGHT, "this program", _insight68, mean_absolute,
        instrument=load_insight,
    ),
    _variant(
        "l1.facealignment2d68", "AKD, face_alignment 68 in 2D, L1", _ALIGNED, _OTAVATAR, _aligned68, mean_absolute,
        papers=("OTAvatar", "OMG-Avatar"), instrument=load_face_alignment,
    ),
    _variant(
        "l2.facealignment2d68", "AKD, face_alignment 68 in 2D", _ALIGNED, "this program", _aligned68, mean_length,
        instrument=load_face_alignment,
    ),
)  # fmt: skip
