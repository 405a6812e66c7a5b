"""The bundled portrait and driver, so that every example graph runs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..assets import path as asset
from . import host, spec, tensors

if TYPE_CHECKING:
    import torch


class ExampleInputs:
    """`Example Inputs`."""

    DISPLAY_NAME = "Example Inputs"
    CATEGORY = "GAGAvatar/load"
    DESCRIPTION = (
        "A portrait and a driving video that come with the nodes. Put Load Image and Load Video in its place for your "
        "own."
    )
    SEARCH_ALIASES = ("demo", "sample", "test image", "test video")
    RETURN_TYPES = ("IMAGE", "VIDEO")
    RETURN_NAMES = ("image", "video")
    OUTPUT_TOOLTIPS = ("A portrait, for Track Portrait.", "A short video of a synthetic head, for Extract Driving.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {
            "required": {
                "person": spec.choice(["photo", "synthetic"], "A photograph, or the synthetic head of the video.")
            }
        }

    def run(self, person: str) -> tuple[torch.Tensor, Any]:
        """IMAGE [1, H, W, 3] and VIDEO, which is None outside of ComfyUI."""
        driver = asset("synthetic_driver.mp4")
        return tensors.stack([_picture(person)]), host.video_from_file(driver)


def _picture(person: str) -> np.ndarray:
    from ..media.images import read_image
    from ..media.video_reader import VideoReader

    if person == "photo":
        return read_image(asset("example_portrait.jpg")).rgb
    with VideoReader(asset("synthetic_driver.mp4")) as video:
        return next(iter(video))
