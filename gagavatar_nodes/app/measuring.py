"""The page's own node that measures a result, so that it runs where the result was made."""

from __future__ import annotations

from typing import Any

from ..nodes import spec
from ..nodes.progress import NodeProgress, run_cancellable
from ..types import Motion, Portrait

MEASURE = "MeasureResult"


class MeasureResult:
    """`Measure Result`."""

    DISPLAY_NAME = "Measure Result"
    RETURN_TYPES = ("STRING",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "file": spec.linked_text("Path of the result."),
                "motion": spec.socket(spec.MOTION, "What drove it."),
                "portrait": spec.socket(spec.PORTRAIT, "Whom it shows."),
            }
        }

    def run(self, file: str, motion: Motion, portrait: Portrait) -> tuple[str]:
        """Return the numbers as lines; see `evaluation.alone.measure_alone` for what is raised."""
        from ..evaluation.alone import measure_alone

        progress = NodeProgress(len(motion))
        return ("\n".join(run_cancellable(lambda: measure_alone(file, motion, portrait, progress=progress))),)
