"""From a picture to a tracked, cropped and matted portrait."""

from __future__ import annotations

import numpy as np

from ..errors import FaceError
from ..face.pose import solve_pose
from ..types import Portrait
from .crop import Framing, cut_square, portrait_square, square_to_picture
from .face_mesh import Landmarks
from .faces import FaceChoice, choose_face
from .foreground import estimate_foreground
from .given_matte import matte_with
from .matting import matte_person
from .upright import quarter_turns, turn_landmarks

SMALLEST_FACE = 32
"""Pixels from the brows' top to the chin under which a face shows too little to be lifted."""
_SNAP = 0.005
"""Alphas this near to 0 and 1 become 0 and 1."""
_IN = 0.99
"""Share of a pixel of the crop that the picture covers from which it is inside."""
_CLEAR = 0.02
"""Alpha under which nothing is to be seen."""
_CUT_OFF = 0.08
"""Share of the face's size by which landmarks may lie outside of the picture."""


def track_portrait(
    image: np.ndarray,
    alpha: np.ndarray | None = None,
    face: FaceChoice = None,
    size: int = 512,
    matting: str = "auto",
    framing: Framing | None = None,
) -> Portrait:
    """Find a face and return the square around its head with landmarks, pose and matte.

    A picture on its side or upside down is turned by the face's own roll first.

    Args:
        image: [H, W, 3] uint8 RGB.
        alpha: [H, W] uint8 0..255 or float 0..1, the picture's transparency or a mask; it replaces our matte where it
            looks like the person's, see `given_matte.matte_with`.
        face: None for the largest face, an index (0 is the largest), or a point (x, y) in pixels on the face.
        size: edge of the crop in pixels.
        matting: one of `matting.METHODS`.
        framing: how the crop differs from the usual one.

    Raises:
        FaceError: there is no face, none at that index or point, or the face is under 32 pixels or cut off.
    """
    try:
        found = choose_face(image, face)
    except FaceError:
        if alpha is not None and _unit(alpha).max(initial=0) < _CLEAR:
            raise FaceError("The picture is transparent throughout: save it anew with something to be seen") from None
        raise
    if turns := quarter_turns(found.points):
        found = turn_landmarks(found, turns, image.shape)
        image = np.ascontiguousarray(np.rot90(image, turns))
        alpha = None if alpha is None else np.ascontiguousarray(np.rot90(alpha, turns))
    _check_usable(found, image.shape)
    square = portrait_square(found.box, image.shape, framing)
    crop = np.clip(cut_square(image, square, size), 0, 255)
    to_picture = square_to_picture(square, size)
    landmarks = _in_crop(found, to_picture)
    pose, canonical = solve_pose(landmarks)
    inside = cut_square(np.ones(image.shape[:2], np.float32), square, size, outside=0)
    if alpha is None:
        matte = matte_person(crop, landmarks, matting, inside > _IN)
    else:
        given = np.clip(cut_square(_unit(alpha), square, size), 0, 1)
        matte, crop = matte_with(crop, given, landmarks, matting, inside > _IN)
    matte *= inside
    matte = np.clip((matte - _SNAP) / (1 - 2 * _SNAP), 0, 1).astype(np.float32)
    return Portrait(
        picture=image,
        crop=estimate_foreground(crop, matte),
        alpha=matte,
        crop_to_picture=to_picture,
        landmarks=landmarks.astype(np.float32),
        pose=pose,
        canonical=canonical,
    )


def _in_crop(found: Landmarks, to_picture: np.ndarray) -> np.ndarray:
    """Return the landmarks [478, 3] in crop pixels.

    They are not looked for again there: a driver's picture would not be, either, and the portrait driven by itself
    must not move.
    """
    scale = to_picture[0, 0]
    points = found.points.astype(np.float64)
    points[:, :2] = (points[:, :2] - to_picture[:, 2]) / scale
    points[:, 2] /= scale
    return points


def _check_usable(face: Landmarks, shape: tuple[int, ...]) -> None:
    if face.size < SMALLEST_FACE:
        raise FaceError(
            f"The face is too small: {face.size:.0f} pixels, where at least {SMALLEST_FACE} are needed and 200 are "
            "good. Use a larger picture or choose another face."
        )
    height, width = shape[:2]
    left, top, right, bottom = face.box
    excess = {"left": -left, "top": -top, "right": right - (width - 1), "bottom": bottom - (height - 1)}
    side = max(excess, key=lambda name: excess[name])
    if excess[side] > _CUT_OFF * face.size:
        raise FaceError(
            f"The face is cut off at the picture's {side} edge: use a picture that shows the whole face, "
            "best with hair and shoulders."
        )


def _unit(alpha: np.ndarray) -> np.ndarray:
    return alpha.astype(np.float32) / (255 if alpha.dtype == np.uint8 else 1)
