"""Fields of uploads. Annotations are evaluated here, since the framework reads them."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Form

from ..choices import RATES, SMOOTHING
from ..speech import VOICES
from ..speech.manner import PARTS, STRONGEST

_LONGEST_TEXT = 10_000
_Strength = Annotated[
    float, Form(ge=0, le=STRONGEST, allow_inf_nan=False, description="of that part of a voice's face")
]
assert VOICES == ("embedded", "artalk")


@dataclass(frozen=True)
class Following:
    """How a driver is followed, and how its sound moves the face where there is no picture, or none is wanted."""

    smoothing: Annotated[float, Form(ge=0, le=1, allow_inf_nan=False)] = SMOOTHING
    face: Annotated[int | None, Form(ge=0, le=100, description="which face, 0 for the largest")] = None
    fps: Annotated[float | None, Form(ge=RATES[0], le=RATES[1], allow_inf_nan=False)] = None
    drive: Annotated[
        Literal["auto", "picture", "sound"],
        Form(description="what of it moves the head; auto is its picture where there is one"),
    ] = "auto"
    voice: Annotated[Literal["embedded", "artalk"], Form(description="the voice model")] = "embedded"
    voice_style: Annotated[str | None, Form(pattern="^[a-z]+(_[0-9])?$", description="ARTalk's way of talking")] = None
    text: Annotated[
        str, Form(max_length=_LONGEST_TEXT, description="what is said, in English: the embedded voice keeps to it")
    ] = ""
    mouth: _Strength = 1.0
    head: _Strength = 1.0
    brows: _Strength = 1.0
    gaze: _Strength = 1.0
    blinks: _Strength = 1.0
    voice_seed: Annotated[int, Form(ge=0, le=2**32 - 1, description="another performance of the same words")] = 0

    def spec(self) -> dict[str, Any]:
        """Return the settings as a task has them."""
        names = ("smoothing", "face", "fps", "drive", "voice", "text")
        manner = {part: getattr(self, part) for part in PARTS} | {"seed": self.voice_seed}
        return {name: getattr(self, name) for name in names} | {"style": self.voice_style, "manner": manner}
