"""Bundled data: what the embedded default needs, a few megabytes. Origins and licenses are in NOTICE."""

from pathlib import Path

_FOLDER = Path(__file__).parent
PORTRAITS = {
    "photo": "example_portrait.jpg",
    "admiral": "portrait_admiral.jpg",
    "pocahontas": "portrait_pocahontas.jpg",
    "franklin": "portrait_franklin.jpg",
}
"""Name of a bundled portrait -> its file: two photographs, a woman and an old one with glasses, and two paintings."""


def path(name: str) -> Path:
    """Path of a bundled file, for example ``path("face_landmarks.onnx")``."""
    return _FOLDER / name
