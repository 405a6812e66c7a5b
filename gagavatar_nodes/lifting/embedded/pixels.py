"""Pixels of a picture: which one a place lies on, what is between them, and how far a polygon covers each."""

from __future__ import annotations

import cv2
import numpy as np


def whole_pixels(places: np.ndarray, size: int) -> np.ndarray:
    """Columns and rows [2, N] of the pixels of a square picture that are nearest to places [N, 2]."""
    return np.clip(np.round(places), 0, size - 1).astype(int).T


def bilinear(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values [R, U, ...] of a picture at places [R, U, 2 or more], those of its edge beyond it."""
    x, y = np.moveaxis(places[..., :2].astype(np.float32), -1, 0)
    values: np.ndarray = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values


def polygon(points: np.ndarray, size: int, supersampling: int = 4) -> np.ndarray:
    """Antialiased coverage [size, size] 0..1 of a polygon [K, 2] in pixels."""
    mask = np.zeros((size * supersampling,) * 2, np.uint8)
    corners = np.round((points + 0.5) * supersampling - 0.5).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255)
    return cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def mean_near(values: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """[S, S, C] mean of values [S, S, C] of `weight` [S, S] within a Gaussian of `sigma` pixels."""
    total = cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma).reshape(values.shape)
    mean: np.ndarray = total / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-4)[..., None]
    return mean
