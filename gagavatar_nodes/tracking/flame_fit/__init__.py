"""FLAME codes and cameras fitted to the bundled tracker's landmarks: needs the FLAME file and no other weights."""

from .fit import fit_landmarks, fit_motion, fit_shape, track_flame
from .view import PortraitView, view_portrait

__all__ = ["PortraitView", "fit_landmarks", "fit_motion", "fit_shape", "track_flame", "view_portrait"]
