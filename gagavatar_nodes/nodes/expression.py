"""Expression sliders, with the face that they make."""

from __future__ import annotations

from typing import Any

from ..avatars import Avatar
from ..choices import FPS, PAGE_BACKGROUND, RATES, SIZE, SIZES
from ..driving.macros import EXPRESSIONS, LEAST_WEIGHT, MACROS, MOST_WEIGHT
from ..errors import FaceError
from ..types import ARKIT_NAMES, Motion
from . import faces, host, spec, tensors, validation
from .driving import face_of_picture
from .motions import MOTIONS
from .progress import run_cancellable

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

_FIRST = (
    "browInnerUp", "browDownLeft", "browDownRight", "eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthSmileLeft",
    "mouthSmileRight", "mouthPucker",
)  # fmt: skip
"""Blendshapes whose values saved graphs hold first; the others follow region by region."""

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


_UNSEEN = "Expression shows a face where 'avatar' is connected: connect it to Lift Portrait or Load Avatar"


class Expression:
    """`Expression`."""

    DISPLAY_NAME = "Expression"
    CATEGORY = MOTIONS
    DESCRIPTION = (
        "Sliders for a face, which the picture in the node follows once an avatar is connected and was run: ten that "
        "stand for many, emotions, the expression of a photo, and the 52 ARKit blendshapes. A still, or added to a "
        "motion. Left and right are the subject's."
    )
    SEARCH_ALIASES = (
        "arkit", "blendshapes", "sliders", "face editor", "expression editor", "emotion", "smile", "live portrait",
        "head pose",
    )  # fmt: skip
    RETURN_TYPES = (spec.MOTION, "FLOAT", "IMAGE")
    RETURN_NAMES = ("motion", "fps", "image")
    OUTPUT_TOOLTIPS = (
        "For Render Avatar and the motion nodes.",
        "Its frames a second.",
        "The face that the node shows; of a motion, the first frame.",
    )
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them.

        Saved graphs hold values by their places: those that came later stand behind the others. The editor shows
        them in the order of `web/expression_face.js`.
        """
        turn: dict[str, Any] = {"step": 1, "slider": True}
        part: dict[str, Any] = {"advanced": True}
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
            "optional": {
                "motion": spec.socket(spec.MOTION, "The face is added to its expression and pose."),
                "avatar": spec.socket(spec.AVATAR, "Whose face is shown, from Lift Portrait or Load Avatar."),
                "photo": spec.socket("IMAGE", "A picture whose expression is added, whole or by part."),
                "emotion": spec.choice(list(EXPRESSIONS), "A whole expression, which the sliders are added to."),
                "emotion_strength": spec.number(1, 0, 1.5, "How much of the emotion.", slider=True),
                **{
                    name: spec.number(0, macro.low, macro.high, macro.hint, slider=True)
                    for name, macro in MACROS.items()
                    if macro.angle is None
                },
                "photo_strength": spec.number(1, 0, 1.5, "How much of the photo's expression.", slider=True),
                "photo_eyes": spec.switch(True, "Takes lids and gaze of the photo.", **part),
                "photo_mouth": spec.switch(True, "Takes mouth, jaw, cheeks and nose of the photo.", **part),
                "photo_brows": spec.switch(True, "Takes the brows of the photo.", **part),
                "photo_pose": spec.switch(True, "Takes the head's turn, nod and tilt of the photo.", **part),
                "size": spec.whole(SIZE, *SIZES, "Edge of the image in pixels.", step=8, advanced=True),
                "background_color": spec.color(
                    PAGE_BACKGROUND, "Behind the face: #rrggbb, or a name such as black or green.", advanced=True
                ),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(cls, background_color: str | None = None) -> bool | str:  # noqa: N802
        """Return True, or what would fail, before any work."""
        return validation.look_problem(None, "color", background_color) or True

    def run(
        self,
        yaw: float,
        pitch: float,
        roll: float,
        frames: int,
        fps: float,
        motion: Motion | None = None,
        avatar: Avatar | None = None,
        photo: tensors.Batch | None = None,
        emotion: str = "neutral",
        emotion_strength: float = 1.0,
        photo_strength: float = 1.0,
        photo_eyes: bool = True,
        photo_mouth: bool = True,
        photo_brows: bool = True,
        photo_pose: bool = True,
        size: int = SIZE,
        background_color: str = PAGE_BACKGROUND,
        **weights: float,
    ) -> dict[str, Any]:
        """Return motion, frame rate and image; see `driving.posing.pose_face`.

        Raises:
            FaceError: the photo shows no face.
        """
        from ..driving.operations import neutral_motion

        borrowed = None if photo is None else _face_of(photo)
        base = neutral_motion(frames, fps) if motion is None else motion
        values = {
            **weights, "yaw": yaw, "pitch": pitch, "roll": roll, "emotion": emotion,
            "emotion_strength": emotion_strength, "photo_strength": photo_strength,
            "photo_eyes": photo_eyes, "photo_mouth": photo_mouth, "photo_brows": photo_brows, "photo_pose": photo_pose,
            "background_color": background_color,
        }  # fmt: skip
        moved = faces.pose(base, values, borrowed)
        if avatar is None:
            return {"ui": {"gagavatar_face": ()}, "result": (moved, moved.fps, host.blocked(_UNSEEN))}
        sitter = faces.Sitter(avatar, motion, borrowed)
        picture = run_cancellable(lambda: sitter.draw(values, size))
        face = {"key": faces.memory.keep(sitter), "values": values}
        return {"ui": {"gagavatar_face": (face,)}, "result": (moved, moved.fps, tensors.stack([picture]))}


def _face_of(photo: tensors.Batch) -> Motion:
    try:
        return face_of_picture(photo)
    except FaceError as error:
        raise FaceError(f"The input 'photo': {error}") from error


def sliders() -> list[str]:
    """Return the blendshapes in the order of the node: the main ones, then region by region."""
    grouped = [name for start in REGIONS.values() for name in ARKIT_NAMES if name.startswith(start)]
    return [*_FIRST, *(name for name in grouped if name not in _FIRST)]


def _slider(name: str) -> spec.Spec:
    region = next(region for region, start in REGIONS.items() if name.startswith(start))
    words = _WORDS.get(name, f"ARKit blendshape {name}.")
    tooltip = f"{region.capitalize()}: {words} 0 adds nothing; below 0 does the opposite."
    return spec.number(0, LEAST_WEIGHT, MOST_WEIGHT, tooltip, slider=True, advanced=True)
