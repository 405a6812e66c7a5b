"""Cameras, rasterizers, compositing."""

from .rasterize import available_backends, describe, rasterize, rasterize_arrays

__all__ = ["available_backends", "describe", "rasterize", "rasterize_arrays"]
