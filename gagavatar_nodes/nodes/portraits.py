"""From pictures to avatars."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..avatars import Avatar
from ..choices import FACES, PORTRAIT_SIZE, PORTRAIT_SIZES
from ..errors import FaceError
from ..types import Portrait
from . import spec, tensors
from .models import AvatarModel, default_model
from .people import ORDERS, choose_person, order_input, person_input
from .progress import NodeProgress, run_cancellable

CATEGORY = "GAGAvatar"
_FRAME = (255, 200, 0)
_BACKDROP = (44, 46, 50)


class TrackPortrait:
    """`Track Portrait`."""

    DISPLAY_NAME = "Track Portrait"
    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Finds a face, crops the head and cuts the person out. Each picture of a batch gives a portrait of its own, "
        "and everything after this node then runs once for each of them."
    )
    SEARCH_ALIASES = ("face crop", "face detection", "matte", "head crop", "portrait")
    RETURN_TYPES = (spec.PORTRAIT, "IMAGE", "MASK", "IMAGE")
    RETURN_NAMES = ("portrait", "crop", "matte", "overlay")
    OUTPUT_IS_LIST = (True, False, False, False)
    OUTPUT_TOOLTIPS = (
        "For Lift Portrait and Stitch Back; one for each picture.",
        "The square around the head, out of the picture.",
        "White where the person is, in the crop.",
        "The picture with the face mesh and the crop drawn on it.",
    )
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "image": spec.socket(
                    "IMAGE", "A picture with a face, best with hair and shoulders. A batch works too."
                ),
                "face": spec.whole(
                    0, 0, FACES - 1, "Which face, where there are several: 0 is the largest, or leftmost."
                ),
                "matting": spec.choice(
                    ["auto", "guided", "none"],
                    "How the person is cut out: auto is the best edge, guided is faster, none keeps the background.",
                    advanced=True,
                ),
                "size": spec.whole(
                    PORTRAIT_SIZE, *PORTRAIT_SIZES, "Edge of the crop in pixels.", step=8, advanced=True
                ),
            },
            "optional": {
                "mask": spec.socket(
                    "MASK",
                    "White where the person is, from any matting node; it replaces the one made here. Any size. An "
                    "empty mask is ignored.",
                ),
                "person": person_input(),
                "face_order": order_input(),
                "crop_scale": spec.number(
                    1, 0.8, 1.5, "Size of the crop around the head: above 1 shows more.", advanced=True
                ),
                "crop_right": spec.number(0, -0.25, 0.25, "Moves the crop to the right, in crop edges.", advanced=True),
                "crop_down": spec.number(0, -0.25, 0.25, "Moves the crop down, in crop edges.", advanced=True),
            },
        }

    def run(
        self,
        image: tensors.Batch,
        face: int,
        matting: str,
        size: int,
        mask: tensors.Batch | None = None,
        person: tensors.Batch | None = None,
        face_order: str = ORDERS[0],
        crop_scale: float = 1.0,
        crop_right: float = 0.0,
        crop_down: float = 0.0,
    ) -> tuple[list[Portrait], tensors.Batch, tensors.Batch, tensors.Batch]:
        """Raise `FaceError` where a picture has no such face."""
        from ..tracking.crop import Framing
        from ..tracking.portrait import track_portrait

        tensors.check_images(image, "image")
        progress = NodeProgress(len(image))
        choice = choose_person(person, face, face_order)
        portraits: list[Portrait] = []
        framing = Framing(crop_scale, crop_right, crop_down)
        for index in range(len(image)):
            rgb, alpha = _picture(image, index, mask)
            try:
                track = partial(track_portrait, rgb, alpha, choice, size, matting, framing)
                portraits.append(run_cancellable(track))
            except FaceError as error:
                raise (error if len(image) == 1 else FaceError(f"Picture {index} of the batch: {error}")) from error
            progress(index + 1, picture=_cut_out(portraits[-1]))
        return (
            portraits,
            tensors.stack([_crop(portrait) for portrait in portraits]),
            tensors.stack([portrait.alpha for portrait in portraits]),
            tensors.stack([_overlay(portrait) for portrait in portraits]),
        )


class LiftPortrait:
    """`Lift Portrait`."""

    DISPLAY_NAME = "Lift Portrait"
    CATEGORY = CATEGORY
    DESCRIPTION = "Makes a 3D Gaussian head avatar of a portrait. Once lifted, any number of motions can drive it."
    SEARCH_ALIASES = ("avatar", "gaussian splatting", "image to 3d", "head avatar", "reconstruct")
    RETURN_TYPES = (spec.AVATAR, "STRING")
    RETURN_NAMES = ("avatar", "info")
    OUTPUT_TOOLTIPS = ("For Render Avatar, Save Avatar and Avatar to Splat.", "Kind of avatar.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {"portrait": spec.socket(spec.PORTRAIT, "From Track Portrait.")},
            "optional": {
                "model": spec.socket(
                    spec.MODEL, "From Load Avatar Model. Without it: GAGAvatar if there, else embedded."
                )
            },
        }

    def run(self, portrait: Portrait, model: AvatarModel | None = None) -> tuple[Avatar, str]:
        """Raise `WeightsError` where the model's files are damaged."""
        progress = NodeProgress(1)
        chosen = model or default_model()
        avatar = run_cancellable(lambda: chosen.lift(portrait))
        progress(1, picture=_cut_out(portrait))
        return avatar, f"{avatar.model} avatar"


def _picture(images: tensors.Batch, index: int, mask: tensors.Batch | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return one picture of a batch and its matte, if there is one: the mask, or its transparency."""
    rgb, alpha = tensors.rgb_frame(images, index), tensors.alpha_frame(images, index)
    if mask is not None:
        given = tensors.mask_frame(mask, index, rgb.shape)
        alpha = alpha if given is None else given
    return rgb, alpha


def _cut_out(portrait: Portrait) -> np.ndarray:
    """[S, S, 3] uint8 the person before gray: `Portrait.crop` alone has the person's colors far beyond its edge."""
    from ..rendering.compositing import composite

    alpha = portrait.alpha.astype(np.float32)
    return composite(portrait.crop.astype(np.float32) / 255 * alpha[..., None], alpha, _BACKDROP)


def _crop(portrait: Portrait) -> np.ndarray:
    """[S, S, 3] uint8 what the picture shows in the crop's square; `Portrait.crop` has other colors at soft edges."""
    from ..tracking.crop import cut_square

    scale = portrait.crop_to_picture[0, 0]
    left, top = np.round(portrait.crop_to_picture[:, 2] - (scale - 1) / 2).astype(int).tolist()
    return np.clip(cut_square(portrait.picture, (left, top, round(scale * portrait.size)), portrait.size), 0, 255)


def _overlay(portrait: Portrait) -> np.ndarray:
    """[H, W, 3] uint8 the picture with mesh, box and the crop's square."""
    import cv2

    from ..tracking.overlay import draw_overlay

    matrix, points = portrait.crop_to_picture, portrait.landmarks.copy()
    points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    points[:, 2] *= matrix[0, 0]
    canvas = draw_overlay(portrait.picture, points)
    ends = np.array([[0, 0], [portrait.size, portrait.size]]) @ matrix[:, :2].T + matrix[:, 2]
    low, high = np.round(ends).astype(int).tolist()
    cv2.rectangle(canvas, low, high, _FRAME, max(2, round(canvas.shape[0] / 300)))
    return canvas
