"""Bundled data: what the embedded default needs, a few megabytes. Origins and licenses are in NOTICE."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def path(name: str) -> Path:
    """Path of a bundled file, for example ``path("face_landmarks.onnx")``."""
    return _FOLDER / name
