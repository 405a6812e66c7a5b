"""Cameras, rasterizers, compositing."""
