"""Motions without a video, and what can be done to them."""

from __future__ import annotations

from typing import Any

from ..choices import FPS, MOMENTS, ORBIT_PITCH, ORBIT_SECONDS, ORBIT_YAW, RATES, SECONDS, STRENGTH, STRENGTHS
from ..driving.builtin import BUILTIN_NAMES
from ..driving.macros import EXPRESSIONS, MACROS
from ..driving.pose import ORBITS
from ..errors import GagavatarError
from ..types import Motion
from . import spec, validation

MOTIONS = "GAGAvatar/motion"
_MOTION_TIP = "From Extract Driving, Drive by Voice, Built-in Motion, Expression or another motion node."


class EditMotion:
    """`Edit Motion`."""

    DISPLAY_NAME = "Edit Motion"
    CATEGORY = MOTIONS
    DESCRIPTION = "Changes a motion before it drives an avatar. With the values it starts with, nothing changes."
    SEARCH_ALIASES = (
        "retarget", "smooth", "trim", "loop", "resample", "expression strength", "ping pong", "repeat", "boomerang",
    )  # fmt: skip
    RETURN_TYPES = (spec.MOTION, "FLOAT", "INT")
    RETURN_NAMES = ("motion", "fps", "frames")
    OUTPUT_TOOLTIPS = ("The changed motion.", "Its frames a second.", "Its length in frames.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "motion": spec.socket(spec.MOTION, _MOTION_TIP),
                "expression": spec.slider(
                    STRENGTH, *STRENGTHS, "Strength of the expression: 0 is a face at rest, 1 as filmed."
                ),
                "head_pose": spec.slider(STRENGTH, *STRENGTHS, "Strength of the head's movement: 0 holds it still."),
                "smoothing": spec.slider(0, 0, 1, "Smooths over time, without lag."),
                "start": spec.number(0, *MOMENTS, "Seconds cut off the beginning."),
                "end": spec.number(0, *MOMENTS, "Second at which the motion ends; 0 keeps it to its end."),
                "fps": spec.number(
                    0, 0, RATES[1], "Frames a second to resample to; 0 keeps the motion's own.", step=0.001
                ),
                "loop": spec.switch(False, "Fades the end into the beginning, so that the motion can be repeated."),
                "pose_about": spec.choice(
                    ["front", "mean"],
                    "What head_pose is measured from: the view into the camera, or the motion's usual pose.",
                    advanced=True,
                ),
                "neutral": spec.choice(
                    ["keep", "most at rest", "frame"],
                    "The driver's face at rest, from which expressions are measured: as tracked, the frame that looks "
                    "most at rest, or the frame below.",
                    advanced=True,
                ),
                "neutral_frame": spec.whole(0, 0, 1_000_000, "Frame taken as the face at rest.", advanced=True),
            },
            "optional": {
                "eyes": spec.slider(STRENGTH, *STRENGTHS, "Strength of lids, gaze and brows, on top of expression."),
                "mouth": spec.slider(STRENGTH, *STRENGTHS, "Strength of mouth and jaw, on top of expression."),
                "ping_pong": spec.switch(False, "Plays forward, then backward; takes the place of loop's fade."),
                "repeats": spec.whole(1, 1, 1000, "How many times it is played, with its sound, one after the other."),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(cls, start: float | None = None, end: float | None = None) -> bool | str:  # noqa: N802
        """Return True, or what would fail, before any work."""
        return validation.span_problem(start, end) or validation.first_problem(cls, None, start=start, end=end) or True

    def run(
        self,
        motion: Motion,
        expression: float,
        head_pose: float,
        smoothing: float,
        start: float,
        end: float,
        fps: float,
        loop: bool,
        pose_about: str,
        neutral: str,
        neutral_frame: int,
        eyes: float = STRENGTH,
        mouth: float = STRENGTH,
        ping_pong: bool = False,
        repeats: int = 1,
    ) -> tuple[Motion, float, int]:
        """Raise `GagavatarError` where the motion has no such frame or second."""
        from ..driving import mixing, operations

        if neutral != "keep":
            motion = operations.pick_neutral(motion, neutral_frame if neutral == "frame" else None)
        if start or end:
            motion = operations.trim(motion, start, end or None, "seconds")
        motion = operations.scale_expression(motion, expression)
        motion = mixing.scale_parts(motion, eyes, mouth)
        motion = operations.scale_head_pose(motion, head_pose, pose_about)
        motion = operations.smooth(motion, smoothing)
        motion = operations.resample(motion, fps or motion.fps)
        if ping_pong:
            motion = operations.ping_pong(motion)
        elif loop:
            motion = operations.loop(motion)
        motion = operations.repeat(motion, repeats)
        return motion, motion.fps, len(motion)


class BuiltinMotion:
    """`Built-in Motion`."""

    DISPLAY_NAME = "Built-in Motion"
    CATEGORY = MOTIONS
    DESCRIPTION = "A motion that needs no driving video. Its last frame runs into its first."
    SEARCH_ALIASES = ("idle", "nod", "talk", "blink", "smile", "preset motion")
    RETURN_TYPES = (spec.MOTION, "FLOAT")
    RETURN_NAMES = ("motion", "fps")
    OUTPUT_TOOLTIPS = ("For Render Avatar and the motion nodes.", "Its frames a second.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "name": spec.choice(BUILTIN_NAMES, "What the head does.", default="idle"),
                "seconds": spec.number(0, 0, SECONDS[1], "Length: the motion is repeated to fill it; 0 plays it once."),
                "fps": spec.number(FPS, *RATES, "Frames a second.", step=0.001),
            }
        }

    def run(self, name: str, seconds: float, fps: float) -> tuple[Motion, float]:
        """Return a motion; see `driving.builtin.builtin_motion`."""
        from ..driving.builtin import builtin_motion

        return builtin_motion(name, seconds or None, fps), fps


class KeyFrames:
    """`Key Frames`."""

    DISPLAY_NAME = "Key Frames"
    CATEGORY = MOTIONS
    DESCRIPTION = (
        "A motion from a list of times and expressions, one a line, such as '1.5: happy 0.6, turn 20'. The face goes "
        "from one to the next, slow at both ends."
    )
    SEARCH_ALIASES = ("keyframes", "timeline", "animation curve", "expression sequence", "emotion", "schedule")
    RETURN_TYPES = (spec.MOTION, "FLOAT", "INT")
    RETURN_NAMES = ("motion", "fps", "frames")
    OUTPUT_TOOLTIPS = ("For Render Avatar and the motion nodes.", "Its frames a second.", "Its length in frames.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "keys": spec.paragraph(
                    "0: neutral\n1: happy\n2: surprised 0.8, turn 15\n3: neutral",
                    "Lines of a second and what the face does then: expressions (" + ", ".join(EXPRESSIONS) + "), "
                    "sliders (" + ", ".join(MACROS) + "), ARKit weights, yaw, pitch, roll; with a number for how much, "
                    "in degrees for turns.",
                ),
                "fps": spec.number(FPS, *RATES, "Frames a second.", step=0.001),
                "loop": spec.switch(False, "Goes back to the first key after the last, so that it can be repeated."),
            },
            "optional": {
                "motion": spec.socket(
                    spec.MOTION,
                    "The key frames are added to its expression and turn its head further, at its length and fps.",
                )
            },
        }

    @classmethod
    def VALIDATE_INPUTS(cls, keys: str | None = None) -> bool | str:  # noqa: N802
        """Return True, or what would fail, before any work."""
        from ..driving.keyframes import parse_keys

        try:
            return keys is None or bool(parse_keys(keys))
        except GagavatarError as error:
            return str(error)

    def run(self, keys: str, fps: float, loop: bool, motion: Motion | None = None) -> tuple[Motion, float, int]:
        """Raise `GagavatarError` where a line is not understood."""
        from ..driving.keyframes import parse_keys, play_keys
        from ..driving.operations import add_motion

        made = play_keys(parse_keys(keys), fps if motion is None else motion.fps, loop)
        if motion is not None:
            made = add_motion(motion, made, "loop" if loop else "hold")
        return made, made.fps, len(made)


class OrbitCamera:
    """`Orbit Camera`."""

    DISPLAY_NAME = "Orbit Camera"
    CATEGORY = MOTIONS
    DESCRIPTION = "Shows the head from around. The path ends where it begins. A motion keeps its expression."
    SEARCH_ALIASES = ("novel view", "turntable", "360", "camera path")
    RETURN_TYPES = (spec.MOTION, "FLOAT")
    RETURN_NAMES = ("motion", "fps")
    OUTPUT_TOOLTIPS = ("For Render Avatar.", "Its frames a second.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "path": spec.choice(ORBITS, "sweep: side to side. circle: around a rim. figure8: across the middle."),
                "yaw": spec.number(ORBIT_YAW, 0, 90, "Largest angle to either side, degrees.", step=1, slider=True),
                "pitch": spec.number(ORBIT_PITCH, 0, 60, "Largest angle up and down, degrees.", step=1, slider=True),
                "seconds": spec.number(ORBIT_SECONDS, SECONDS[0], 600, "Length of the path."),
                "fps": spec.number(FPS, *RATES, "Frames a second, where no motion is connected.", step=0.001),
            },
            "optional": {"motion": spec.socket(spec.MOTION, "Its expression is kept; without it the face is at rest.")},
        }

    def run(
        self, path: str, yaw: float, pitch: float, seconds: float, fps: float, motion: Motion | None = None
    ) -> tuple[Motion, float]:
        """Return a motion; see `driving.pose.orbit`."""
        from ..driving.operations import neutral_motion, orbit

        turned = orbit(neutral_motion(1, fps) if motion is None else motion, path, yaw, pitch, seconds)
        return turned, turned.fps


class CombineMotions:
    """`Combine Motions`."""

    DISPLAY_NAME = "Combine Motions"
    CATEGORY = MOTIONS
    DESCRIPTION = "The expression of one motion with the head pose of another, and the mouth of a third, as in dubbing."
    SEARCH_ALIASES = ("mix", "dub", "lip sync", "blend motions", "expression transfer", "pose transfer")
    RETURN_TYPES = (spec.MOTION, "FLOAT")
    RETURN_NAMES = ("motion", "fps")
    OUTPUT_TOOLTIPS = ("Both in one, at the first one's frame rate.", "Its frames a second.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "expression_of": spec.socket(spec.MOTION, "The expression, gaze and frame rate are this one's."),
                "pose_of": spec.socket(spec.MOTION, "The movement of the head is this one's."),
                "shorter": spec.choice(["loop", "hold"], "The shorter of them is repeated, or holds its last frame."),
            },
            "optional": {
                "mouth_of": spec.socket(
                    spec.MOTION, "Mouth and jaw are this one's, such as from Drive by Voice; brows and gaze stay."
                )
            },
        }

    def run(
        self, expression_of: Motion, pose_of: Motion, shorter: str, mouth_of: Motion | None = None
    ) -> tuple[Motion, float]:
        """Return a motion; see `driving.operations.combine` and `driving.mixing.replace_mouth`."""
        from ..driving.mixing import replace_mouth
        from ..driving.operations import combine

        both = expression_of if pose_of is expression_of else combine(expression_of, pose_of, shorter)
        if mouth_of is not None:
            both = replace_mouth(both, mouth_of, shorter)
        return both, both.fps
