"""Cameras, rasterizers, compositing."""

from .backends import available_backends, describe
from .rasterize import rasterize, rasterize_arrays, rasterize_batch

__all__ = ["available_backends", "describe", "rasterize", "rasterize_arrays", "rasterize_batch"]
