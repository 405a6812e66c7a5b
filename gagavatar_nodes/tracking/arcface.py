"""The 112 x 112 picture of a face that networks of face recognition are trained on."""

from __future__ import annotations

import numpy as np

from ..face.topology import IRISES, MOUTH_CORNERS
from .opencv import opencv

EDGE = 112
NOSE_TIP = 1
_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)  # eyes, nose, mouth corners


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """[5, 2] eyes, nose tip, mouth corners of landmarks [478, 3]; the image's left first."""
    eyes = [landmarks[iris.start, :2] for iris in IRISES]
    return np.stack([*eyes, landmarks[NOSE_TIP, :2], *(landmarks[i, :2] for i in MOUTH_CORNERS)])


def similarity(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """[2, 3] similarity that brings points [N, 2] nearest to others (Umeyama 1991)."""
    around, center = points - points.mean(0), target - target.mean(0)
    U, S, Vt = np.linalg.svd(center.T @ around)
    signs = np.array([1.0, np.sign(np.linalg.det(U @ Vt))])
    matrix = (S * signs).sum() / (around**2).sum() * (U * signs) @ Vt
    return np.column_stack([matrix, target.mean(0) - matrix @ points.mean(0)])


def align_face(picture: np.ndarray, points: np.ndarray, target: np.ndarray, edge: int) -> np.ndarray:
    """[edge, edge, C] of a picture [H, W, C], in which `points` [N, 2] lie on `target`; black outside."""
    return opencv().warpAffine(picture, similarity(points, target), (edge, edge))


def arcface_picture(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """[112, 112, C] of a picture [H, W, C] whose eyes, nose and mouth corners are `points` [5, 2]; black outside."""
    return align_face(picture, points, _POINTS, EDGE)
