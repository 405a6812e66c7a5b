"""OpenCV, whichever of its wheels is installed."""

from __future__ import annotations

from types import ModuleType

from ..packages import load_package


def opencv() -> ModuleType:
    """Return the `cv2` module.

    Raises:
        GagavatarError: no flavor of OpenCV is installed, or it cannot be loaded.
    """
    remedy = "run `pip install opencv-python-headless` (any other OpenCV wheel does as well)"
    return load_package("cv2", "Tracking", "OpenCV", remedy)
