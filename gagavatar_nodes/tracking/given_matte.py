"""The alpha channel or mask that comes with a picture: the person's matte, something else, or a matte inside out."""

from __future__ import annotations

import logging

import numpy as np

from ..errors import FaceError
from .matting import matte_person
from .opencv import opencv
from .outline import head_outline

_NOTHING = 0.02
"""Alpha under which nothing is to be seen, and distance from 1 at which all is."""
_SURE = 0.05
"""Alpha under which our own matte's background is believed."""
_OPEN = 0.25
"""Mean alpha over that background from which a channel is no matte of the person."""
_TOO_LITTLE = 0.01
"""Share of the crop under which there is too little background to judge by."""
_WHITE = 255.0
_log = logging.getLogger(__name__)


def matte_with(
    crop: np.ndarray,
    alpha: np.ndarray,
    landmarks: np.ndarray,
    method: str = "auto",
    inside: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the person's matte in a crop that has an alpha channel, and the crop as it is seen.

    The channel is the matte where it looks like one. Where it only rounds the corners, fades the whole picture or is
    empty, the picture is laid on white and the matte made anew; a channel that leaves the face out is inverted.

    Args:
        crop: [S, S, 3] uint8 RGB, straight.
        alpha: [S, S] float32 0..1.
        landmarks: [478, 3] pixels of the crop.
        method: one of `matting.METHODS`.
        inside: [S, S] bool, what of the crop is in the picture.

    Returns:
        matte [S, S] float32 0..1, and crop [S, S, 3] uint8.

    Raises:
        FaceError: the channel leaves the face out and is no inverted matte either.
    """
    if alpha.max() < _NOTHING:
        return matte_person(crop, landmarks, method, inside), crop
    face = _face_alpha(alpha, landmarks)
    inverted = face < 0.5 < alpha.max()
    if inverted:
        _log.warning("The mask leaves the face out and is taken the other way round, as Load Image gives it")
        alpha = 1 - alpha
        face = _face_alpha(alpha, landmarks)
    alpha = np.minimum(alpha / max(face, _NOTHING), 1).astype(np.float32)
    if alpha.min() > 1 - _NOTHING:
        return matte_person(crop, landmarks, method, inside), crop
    seen = np.round(crop * alpha[..., None] + _WHITE * (1 - alpha[..., None])).astype(np.uint8)
    own = matte_person(crop if inverted else seen, landmarks, method, inside)
    if _is_matte(alpha, own):
        return alpha, crop
    if inverted:
        raise FaceError("The mask leaves the face out: give one that is white where the person is, or none")
    return own * alpha, seen


def _face_alpha(alpha: np.ndarray, landmarks: np.ndarray) -> float:
    """Median alpha inside the head's outline."""
    inside = np.zeros(alpha.shape, np.uint8)
    opencv().fillConvexPoly(inside, np.round(head_outline(landmarks)).astype(np.int32), 1)
    return float(np.median(alpha[inside > 0])) if inside.any() else 1.0


def _is_matte(alpha: np.ndarray, own: np.ndarray) -> bool:
    """Whether a channel that is open in the face is closed where our own matte is sure of the background."""
    background = own < _SURE
    return bool(background.mean() < _TOO_LITTLE or alpha[background].mean() < _OPEN)
