"""The bundled portrait, driver and voice, so that every example graph runs at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..assets import PORTRAITS
from ..assets import path as asset
from . import host, spec, tensors
from .sound import read_sound


class ExampleInputs:
    """`Example Inputs`."""

    DISPLAY_NAME = "Example Inputs"
    CATEGORY = "GAGAvatar/load"
    DESCRIPTION = (
        "A portrait, a driving video and a voice that come with the nodes. Put Load Image, Load Video and Load Audio "
        "in its place for your own."
    )
    SEARCH_ALIASES = ("demo", "sample", "test image", "test video", "test sound")
    RETURN_TYPES = ("IMAGE", "VIDEO", "AUDIO")
    RETURN_NAMES = ("image", "video", "voice")
    OUTPUT_TOOLTIPS = (
        "A portrait, for Track Portrait.",
        "A short video of a synthetic woman who speaks, for Extract Driving.",
        "A spoken sentence, for Drive by Voice.",
    )
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "person": spec.choice(
                    ["photo", "synthetic", *[name for name in PORTRAITS if name != "photo"]],
                    "A photograph, the synthetic woman of the video, an old woman with glasses, or a painting.",
                )
            }
        }

    def run(self, person: str) -> tuple[tensors.Batch, Any, dict[str, Any] | None]:
        """IMAGE [1, H, W, 3], VIDEO, which is None outside of ComfyUI, and AUDIO."""
        driver = asset("example_driver.mp4")
        voice = read_sound(asset("example_voice.flac"))
        return tensors.stack([_picture(person)]), host.video_from_file(driver), voice


def _picture(person: str) -> np.ndarray:
    from ..media.images import read_image
    from ..media.video_reader import VideoReader

    if person in PORTRAITS:
        return read_image(asset(PORTRAITS[person])).rgb
    with VideoReader(asset("example_driver.mp4")) as video:
        return next(iter(video))
