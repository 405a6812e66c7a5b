"""How near a result is to what it should be, in numbers."""

from __future__ import annotations

from typing import Any

from ..choices import FPS, RATES
from ..errors import GagavatarError
from . import spec, tensors
from .progress import NodeProgress, iterate_cancellable, run_cancellable

CATEGORY = "GAGAvatar"


class CompareQuality:
    """`Compare Quality`."""

    DISPLAY_NAME = "Compare Quality"
    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Compares pictures with what they should be, frame by frame: PSNR, SSIM, landmarks, expression, head pose, "
        "jitter, and a picture of the difference. For tuning settings against a video."
    )
    SEARCH_ALIASES = ("psnr", "ssim", "lpips", "metrics", "evaluate", "difference", "benchmark")
    RETURN_TYPES = ("STRING", "IMAGE", "FLOAT", "FLOAT")
    RETURN_NAMES = ("report", "difference", "psnr", "ssim")
    OUTPUT_TOOLTIPS = (
        "The numbers by name, and what is missing for others; show it with Preview Any.",
        "One picture a frame: black where both are alike, violet to yellow where they are not.",
        "Decibels over the whole picture, the mean of all frames; 100 where they are equal.",
        "Structural similarity over the whole picture, the mean of all frames; 1 where they are equal.",
    )
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        from ..evaluation.quick import USUAL

        return {
            "required": {
                "images": spec.socket("IMAGE", "What was made."),
                "truth": spec.socket("IMAGE", "What it should be: as many frames of the same size."),
                "fps": spec.number(FPS, *RATES, "Frames a second of both, for jitter.", step=0.001),
                "metrics": spec.text(
                    ", ".join(USUAL),
                    "Names of metrics, or their beginnings, by commas; `python custom_nodes/gagavatar evaluate --list` "
                    "tells all.",
                    advanced=True,
                ),
            },
        }

    def run(
        self, images: tensors.Batch, truth: tensors.Batch, fps: float, metrics: str
    ) -> tuple[str, tensors.Batch, float, float]:
        """Raise `GagavatarError` where the batches differ in size or length, or a metric is unknown."""
        from ..evaluation.quick import Comparison, compare, report

        tensors.check_images(images, "images")
        tensors.check_images(truth, "truth")
        if images.shape[:3] != truth.shape[:3]:
            raise GagavatarError(
                f"'images' is {_size(images)} and 'truth' is {_size(truth)}: give as many frames of the same size, "
                "with Upscale Image and Get Image from Batch"
            )
        names = [name.strip() for name in metrics.split(",") if name.strip()]
        comparison = run_cancellable(lambda: Comparison(fps, [*names, "psnr.full", "ssim.full"]))
        batch, progress = tensors.new_batch(len(images), (*images.shape[1:3], 3), even=False), NodeProgress(len(images))
        pairs = zip(tensors.rgb_frames(images), tensors.rgb_frames(truth), strict=True)
        for index, picture in enumerate(iterate_cancellable(compare(pairs, comparison))):
            tensors.put(batch, index, picture)
            progress(index + 1, picture=picture)
        scores = run_cancellable(comparison.finish)
        values = scores["values"]
        return report(scores, comparison.missing), tensors.to_comfy(batch), values["psnr.full"], values["ssim.full"]


def _size(images: tensors.Batch) -> str:
    count, height, width = images.shape[:3]
    return f"{count} pictures of {width}x{height}"
