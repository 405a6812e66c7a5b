"""Rendered heads beside or inside other pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from typing import Any

import numpy as np

from ..avatars import Avatar
from ..choices import FPS, RATES
from ..errors import GagavatarError
from ..types import Motion, Portrait
from . import spec, tensors
from .driving import file_of
from .progress import NodeProgress, iterate_cancellable, run_cancellable

CATEGORY = "GAGAvatar"


class StitchBack:
    """`Stitch Back`."""

    DISPLAY_NAME = "Stitch Back"
    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Puts rendered heads back into the picture that the portrait was taken from. Render them square, with the "
        "background 'transparent', and connect both the images and the mask."
    )
    SEARCH_ALIASES = ("paste back", "composite", "original background", "uncrop")
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("images",)
    OUTPUT_TOOLTIPS = ("The picture, with the moving head in it. An odd edge grows by one pixel: videos are even.",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "portrait": spec.socket(spec.PORTRAIT, "From Track Portrait: the picture, and where its head was."),
                "images": spec.socket("IMAGE", "From Render Avatar, square, on a transparent background."),
                "mask": spec.socket("MASK", "From the same Render Avatar."),
                "max_size": spec.whole(
                    1280, 0, 8192, "The picture is shrunk until its longer edge is this; 0 keeps its size.", step=8
                ),
                "feather": spec.number(
                    0.06, 0, 0.25, "Width of the seam at the crop's border, in crop edges.", advanced=True
                ),
            },
            "optional": {
                "avatar": spec.socket(
                    spec.AVATAR, "What was rendered; GAGAvatar frames the head in another way than the portrait's crop."
                )
            },
        }

    def run(
        self,
        portrait: Portrait,
        images: tensors.Batch,
        mask: tensors.Batch,
        max_size: int,
        feather: float,
        avatar: Avatar | None = None,
    ) -> tuple[tensors.Batch]:
        """Raise `GagavatarError` where the images are not square."""
        from ..rendering.stitching import Stitcher

        tensors.check_images(images, "images")
        if images.shape[1] != images.shape[2]:
            raise GagavatarError(
                f"The rendered images are {images.shape[2]}x{images.shape[1]} pixels, but the portrait's crop is "
                "square: set the same width and height in Render Avatar"
            )
        place = portrait if avatar is None else run_cancellable(lambda: avatar.frame_portrait(portrait))
        stitcher = run_cancellable(lambda: Stitcher(place, max_size or None, feather))
        width, height = stitcher.size

        def stitch_frames() -> Iterator[np.ndarray]:
            for index in range(len(images)):
                rgb = tensors.rgb_frame(images, index)
                alpha = tensors.mask_frame(mask, index, rgb.shape)
                alpha = np.zeros(rgb.shape[:2], np.float32) if alpha is None else alpha
                yield stitcher.stitch(rgb * (alpha[..., None] * np.float32(1 / 255)), alpha)

        return (_collect(stitch_frames(), len(images), (height, width, 3)),)


class CompareLayout:
    """`Compare Layout`."""

    DISPLAY_NAME = "Compare Layout"
    CATEGORY = CATEGORY
    DESCRIPTION = "Portrait, driver and result side by side."
    SEARCH_ALIASES = ("side by side", "grid", "comparison", "concat images")
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("images",)
    OUTPUT_TOOLTIPS = ("One picture a frame, at the height of the result, in an even size as videos have.",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "result": spec.socket("IMAGE", "On the right, from Render Avatar; its length and height count."),
                "fps": spec.number(FPS, *RATES, "Frames a second of the result, for driver_video.", step=0.001),
            },
            "optional": {
                "portrait": spec.socket("IMAGE", "On the left: the picture, or its crop."),
                "driver": spec.socket("IMAGE", "In the middle: the driver's frames."),
                "driver_video": spec.socket("VIDEO", "In the middle: the driver; takes the place of driver."),
                "motion": spec.socket(
                    spec.MOTION, "What was rendered: where it was trimmed, looped or reversed, so is the driver."
                ),
            },
        }

    def run(
        self,
        result: tensors.Batch,
        fps: float,
        portrait: tensors.Batch | None = None,
        driver: tensors.Batch | None = None,
        driver_video: Any = None,
        motion: Motion | None = None,
    ) -> tuple[tensors.Batch]:
        """Raise `MediaError` where the driver cannot be read."""
        from ..media.retiming import frames_at
        from ..media.video_reader import VideoReader
        from ..rendering.layout import comparison

        for name, images in (("result", result), ("portrait", portrait), ("driver", driver)):
            if images is not None:
                tensors.check_images(images, name)

        with ExitStack() as stack:
            shown: Iterable[np.ndarray] | None = None if driver is None else list(tensors.rgb_frames(driver))
            if driver_video is not None:
                shown = stack.enter_context(VideoReader(stack.enter_context(file_of(driver_video)), fps=fps))
            times = None if motion is None else motion.times
            middle = None if shown is None else _repeat_last(frames_at(shown, times, fps))
            left = None if portrait is None else _repeat_last(tensors.rgb_frames(portrait))
            columns = [left, middle, tensors.rgb_frames(result)]
            rows = zip(*(column for column in columns if column is not None), strict=False)
            compared = (comparison(row) for row in rows)
            first = next(compared)
            return (_collect(chain([first], compared), len(result), first.shape),)


def _repeat_last(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Endless: the frames, then the last of them."""
    for frame in frames:
        yield frame
    while True:
        yield frame


def _collect(frames: Iterator[np.ndarray], count: int, shape: tuple[int, ...]) -> tensors.Batch:
    batch, progress = tensors.new_batch(count, shape), NodeProgress(count)
    for index, frame in enumerate(iterate_cancellable(frames)):
        tensors.put(batch, index, frame)
        progress(index + 1, picture=frame)
    return tensors.to_comfy(batch)
