"""A portrait as the published system sees it: cropped, matted and fitted by the published tracker."""

from __future__ import annotations

import numpy as np

from ...errors import FaceError
from ...types import Portrait
from ..crop import inverse, square_to_picture, warp
from ..landmarks import PortraitView
from .geometry import IMAGE
from .tracker import EmicaTracker


def view_by_tracker(portrait: Portrait, tracker: EmicaTracker) -> PortraitView:
    """Return the view of a portrait that the published program would lift.

    Where the tracker has no matting network the portrait's own matte takes its place.

    Raises:
        FaceError: the tracker finds no head, or another one than the portrait's.
    """
    picture, matte = portrait.picture, None
    if not tracker.mattes:
        size = picture.shape[1], picture.shape[0]
        matte = warp(portrait.alpha, inverse(portrait.crop_to_picture), size)
        picture = (picture * matte[..., None] + 0.5).astype(np.uint8)
    found = tracker.track_picture(picture)
    left, top, width, height = found.rectangle
    to_picture = square_to_picture((left, top, (width + height) / 2), IMAGE)
    face = portrait.landmarks[:, :2].mean(0) @ portrait.crop_to_picture[:, :2].T + portrait.crop_to_picture[:, 2]
    if not (left < face[0] < left + width and top < face[1] < top + height):
        raise FaceError("The published tracker takes the largest head of a picture, which is not the one chosen: crop "
                        "the picture to the person, or fit the portrait by landmarks")  # fmt: skip
    alpha = found.alpha if matte is None else warp(matte, to_picture, (IMAGE, IMAGE))
    return PortraitView(found.image, alpha, found.codes, to_picture)
