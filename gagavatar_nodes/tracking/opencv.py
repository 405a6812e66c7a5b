"""OpenCV, whichever of its wheels is installed."""

from __future__ import annotations

from types import ModuleType

from ..errors import GagavatarError


def opencv() -> ModuleType:
    """The `cv2` module.

    Raises:
        GagavatarError: no flavor of OpenCV is installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise GagavatarError(
            "Tracking needs OpenCV, which is not installed: run `pip install opencv-python-headless` "
            "(any other OpenCV wheel does as well)."
        ) from error
    return cv2
