"""FLAME codes and cameras fitted to the bundled tracker's landmarks: needs the FLAME file and no other weights."""

from .fit import fit_landmarks, fit_motion, fit_shape, fit_square, flame_square, motion_landmarks
from .overlay import FlameOverlay
from .view import PortraitView, frame_portrait, view_portrait

__all__ = [
    "FlameOverlay",
    "PortraitView",
    "fit_landmarks",
    "fit_motion",
    "fit_shape",
    "fit_square",
    "flame_square",
    "frame_portrait",
    "motion_landmarks",
    "view_portrait",
]
