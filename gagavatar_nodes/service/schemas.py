"""What goes over the wire."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..batch.ledger import CANCELED, DONE, FAILED, RUNNING, WAITING, Task
from ..choices import DENSITIES, POSES, REFERENCES, SIZE, SIZES
from ..driving.builtin import BUILTIN_NAMES

ID_PATTERN = "^[0-9a-f]{24}$"
State = Literal["queued", "running", "done", "failed", "canceled"]
STATES: dict[str, State] = {
    WAITING: "queued",
    RUNNING: "running",
    DONE: "done",
    FAILED: "failed",
    CANCELED: "canceled",
}
FINISHED = ("done", "failed", "canceled")
_MOTION_PATTERN = "^([0-9a-f]{24}|" + "|".join(BUILTIN_NAMES) + ")$"
_COLOR_PATTERN = (
    "^(#[0-9a-fA-F]{6}|transparent|black|white|gray|red|green|lime|blue|yellow|cyan|magenta|orange|pink|navy)$"
)
Strength = Annotated[float, Field(ge=0, le=4, allow_inf_nan=False)]
Edge = Annotated[int, Field(ge=SIZES[0], le=SIZES[1])]
_EXAMPLE_ID = "5f0c1d7a9e3b4c2d8f6a7b10"


class Status(BaseModel):
    """An avatar, a motion or a clip, and how far it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": _EXAMPLE_ID,
                    "state": "running",
                    "done": 40,
                    "total": 250,
                    "error": None,
                    "created": "2026-01-31T12:00:00Z",
                    "expires": "2026-02-01T12:00:00Z",
                    "details": None,
                }
            ]
        }
    )
    id: str = Field(pattern=ID_PATTERN)
    state: State
    done: int = Field(ge=0, description="frames")
    total: int | None = Field(description="frames, where their number is known")
    error: str | None = Field(description="what to mend")
    created: datetime
    expires: datetime | None = Field(description="when it is removed, unless it is used before")
    details: dict[str, Any] | None = Field(description="of what is done: frames, fps, bytes, seconds")

    @staticmethod
    def of(task: Task) -> Status:
        """Return a task as clients see it."""
        return Status(
            id=task.id,
            state=STATES.get(task.state, "canceled"),
            done=task.done,
            total=task.total,
            error=task.error if task.state in (FAILED, CANCELED) else None,
            created=_time(task.created),
            expires=None if task.expires is None else _time(task.expires),
            details=task.result,
        )


class RenderRequest(BaseModel):
    """A clip to make."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"avatar": _EXAMPLE_ID, "motion": "talk", "seconds": 4, "width": 256, "height": 256},
                {"avatar": _EXAMPLE_ID, "motion": _EXAMPLE_ID, "format": "webm", "background": "transparent"},
            ]
        },
    )
    avatar: str = Field(pattern=ID_PATTERN, description="from POST /avatars; it may still be in the queue")
    motion: str = Field(pattern=_MOTION_PATTERN, description="from POST /motions, or a built-in motion")
    width: Edge = SIZE
    height: Edge = SIZE
    format: Literal["mp4", "webm", "mov", "mkv", "gif", "png"] = "mp4"
    background: str = Field("black", pattern=_COLOR_PATTERN, description="a color; transparent in webm, mov and png")
    expression: Strength = Field(1.0, description="strength")
    head_pose: Strength = Field(1.0, description="strength")
    loop: bool = False
    reference: Literal["auto", "neutral", "same"] | Annotated[int, Field(ge=0, le=1_000_000)] = "auto"
    pose: Literal["auto", "absolute", "relative"] = "auto"
    dub: str | None = Field(
        None, pattern=ID_PATTERN, description="from POST /motions: its mouth and its sound take the motion's place"
    )
    stitch: bool = Field(False, description="the head back in its own picture, which width and height give way to")
    compare: bool = Field(False, description="portrait, driver (if a film) and result side by side")
    seed: int | None = Field(None, ge=0, le=2**32 - 1, description="of GAGAvatar's renderer: fresh noise a frame")
    sound: bool = Field(True, description="carry the driver's sound over")
    seconds: float | None = Field(None, ge=0.04, le=3600, allow_inf_nan=False, description="of a built-in motion")
    fps: float | None = Field(None, ge=1, le=120, allow_inf_nan=False, description="of a built-in motion")


assert REFERENCES == ("auto", "neutral", "same")
assert POSES == ("auto", "absolute", "relative")


class Problem(BaseModel):
    """Why something was not done."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"error": "There is no such avatar.", "request_id": "0f3a9c1e7b5d2468"}]}
    )
    error: str
    request_id: str | None = None


class Health(BaseModel):
    """Whether the service is well."""

    status: Literal["ok", "starting", "stopping"]


Density = Annotated[int, Field(ge=DENSITIES[0], le=DENSITIES[1])]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds, 3), timezone.utc)
