"""Expression sliders."""

from __future__ import annotations

from typing import Any

from ..choices import FPS, RATES
from ..types import ARKIT_NAMES, Motion
from . import spec
from .motions import MOTIONS

REGIONS = {
    "brows": "brow",
    "eyes": "eye",
    "cheeks": "cheek",
    "nose": "nose",
    "jaw": "jaw",
    "mouth": "mouth",
    "tongue": "tongue",
}
"""Group of sliders -> how their names begin, from the top of the face to its chin."""

MAIN = (
    "browInnerUp", "browDownLeft", "browDownRight", "eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthSmileLeft",
    "mouthSmileRight", "mouthPucker",
)  # fmt: skip
"""Sliders that every version shows at once; the others are behind `advanced` where there is such a thing."""

_WORDS = {
    "browInnerUp": "Lifts the inner brows, as in worry or surprise.",
    "eyeBlinkLeft": "Shuts the subject's left eye.",
    "eyeBlinkRight": "Shuts the subject's right eye.",
    "jawOpen": "Opens the mouth.",
    "mouthSmileLeft": "Pulls the subject's left mouth corner up.",
    "mouthSmileRight": "Pulls the subject's right mouth corner up.",
    "mouthPucker": "Purses the lips, as in a kiss.",
    "mouthClose": "Closes the lips while the jaw is open.",
}


class Expression:
    """`Expression`."""

    DISPLAY_NAME = "Expression"
    CATEGORY = MOTIONS
    DESCRIPTION = (
        "Sliders for the 52 ARKit blendshapes and the turn of the head: a still, or added to a motion. Left and right "
        "are the subject's."
    )
    SEARCH_ALIASES = ("arkit", "blendshapes", "sliders", "face editor", "emotion", "smile", "live portrait")
    RETURN_TYPES = (spec.MOTION, "FLOAT")
    RETURN_NAMES = ("motion", "fps")
    OUTPUT_TOOLTIPS = ("For Render Avatar and the motion nodes.", "Its frames a second.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        turn: dict[str, Any] = {"step": 1, "slider": True}
        return {
            "required": {
                "yaw": spec.number(0, -60, 60, "Turns the head to the image's right, degrees.", **turn),
                "pitch": spec.number(0, -45, 45, "Nods the head down, degrees.", **turn),
                "roll": spec.number(0, -45, 45, "Tilts the head, degrees.", **turn),
                **{name: _slider(name) for name in sliders()},
                "frames": spec.whole(
                    1, 1, 100_000, "Length of the still, where no motion is connected.", advanced=True
                ),
                "fps": spec.number(FPS, *RATES, "Frames a second of the still.", step=0.001, advanced=True),
            },
            "optional": {"motion": spec.socket(spec.MOTION, "The sliders are added to its expression and pose.")},
        }

    def run(
        self,
        yaw: float,
        pitch: float,
        roll: float,
        frames: int,
        fps: float,
        motion: Motion | None = None,
        **weights: float,
    ) -> tuple[Motion, float]:
        """Return a motion; see `driving.operations.add_arkit`."""
        from ..driving.operations import add_arkit, neutral_motion, turn_head

        base = neutral_motion(frames, fps) if motion is None else motion
        set_weights = {name: value for name, value in weights.items() if value}
        moved = add_arkit(base, set_weights) if set_weights else base
        return turn_head(moved, yaw, pitch, roll), moved.fps


def sliders() -> list[str]:
    """Return the blendshapes in the order of the node: the main ones, then region by region."""
    grouped = [name for start in REGIONS.values() for name in ARKIT_NAMES if name.startswith(start)]
    return [*MAIN, *(name for name in grouped if name not in MAIN)]


def _slider(name: str) -> spec.Spec:
    region = next(region for region, start in REGIONS.items() if name.startswith(start))
    words = _WORDS.get(name, f"ARKit blendshape {name}.")
    tooltip = f"{region.capitalize()}: {words} 0 adds nothing; below 0 does the opposite."
    return spec.number(0, -1, 1.5, tooltip, slider=True, advanced=name not in MAIN)
