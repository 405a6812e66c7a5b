"""The whole way in one node: a picture, and what moves it."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import Any

from ..avatars import Avatar
from ..choices import FACES, FPS, PORTRAIT_SIZE, POSES, REFERENCES, SECONDS, SIZE, SIZES, SMOOTHING, STRENGTH, STRENGTHS
from ..errors import GagavatarError
from ..recent import Recent
from ..speech import VOICE_FPS
from ..types import Motion, Portrait
from . import host, spec, tensors, validation
from .driving import ExtractDriving, file_of, fingerprint
from .models import AvatarModel, HeadTracker, default_model
from .performing import choose_background, perform, seed_input
from .portraits import TrackPortrait
from .progress import NodeProgress, iterate_cancellable, run_cancellable
from .sound import sound_along, take_sound
from .voice import DriveByVoice

SHOWN = ("head", "whole picture", "side by side")
_NO_DRIVER = "Animate Portrait has nothing that moves it: connect 'video', 'audio' or 'motion'"


class AnimatePortrait:
    """`Animate Portrait`."""

    DISPLAY_NAME = "Animate Portrait"
    CATEGORY = "GAGAvatar"
    DESCRIPTION = (
        "One picture and a video, a sound or a motion become a video with sound: all steps in one node. Frames are "
        "held in memory; for long ones take Render Avatar to Video."
    )
    SEARCH_ALIASES = (
        "animate face", "talking head", "talking portrait", "talking photo", "lip sync", "face animation",
        "live portrait", "audio driven", "reenact", "image to video",
    )  # fmt: skip
    RETURN_TYPES = ("VIDEO", "IMAGE", "AUDIO", spec.MOTION, "FLOAT")
    RETURN_NAMES = ("video", "images", "audio", "motion", "fps")
    OUTPUT_IS_LIST = (True, True, False, False, False)
    OUTPUT_TOOLTIPS = (
        "With the sound, for Save Video; one for each picture of a batch.",
        "Its frames.",
        "Its sound.",
        "What moved the picture, for the motion nodes.",
        "Frames a second.",
    )
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "image": spec.socket("IMAGE", "A picture with a face, best with hair and shoulders."),
                "show": spec.choice(
                    SHOWN,
                    "The head alone, in its own picture, or to the right of the picture and the driving video.",
                ),
                "size": spec.whole(
                    SIZE, *SIZES, "Pixels: the head's square, or at most the longer edge of the whole picture.", step=8
                ),
            },
            "optional": {
                "video": spec.socket("VIDEO", "A film of a face, whose movement the picture takes on."),
                "audio": spec.socket(
                    "AUDIO", "A voice: the picture speaks it. Beside video or motion, it is their sound; see dub."
                ),
                "motion": spec.socket(spec.MOTION, "From any motion node; takes the place of video."),
                "model": spec.socket(
                    spec.MODEL, "From Load Avatar Model. Without it: GAGAvatar if there, else embedded."
                ),
                "tracker": spec.socket(spec.TRACKER, "From Load Head Tracker, for video. Without it: embedded."),
                "background_color": spec.color("#000000", "Behind the head alone: #rrggbb, or a name such as white."),
                "expression": spec.slider(
                    STRENGTH, *STRENGTHS, "Strength of the expression: 0 is a face at rest.", advanced=True
                ),
                "head_pose": spec.slider(
                    STRENGTH, *STRENGTHS, "Strength of the head's movement: 0 is still.", advanced=True
                ),
                "smoothing": spec.slider(
                    SMOOTHING, 0, 1, "Takes jitter out of a video's tracking: 0 is raw.", advanced=True
                ),
                "dub": spec.switch(
                    False,
                    "Mouth and jaw are those of audio's voice, the rest those of video or motion.",
                    advanced=True,
                ),
                "text": spec.text(
                    "", "What the voice says, in English, if you know it; may stay empty.", advanced=True
                ),
                "seconds": spec.number(0, 0, SECONDS[1], "Longest result; 0 is as long as the driver.", advanced=True),
                "face": spec.whole(
                    0,
                    0,
                    FACES - 1,
                    "Which face of the picture, where there are several: 0 is the largest.",
                    advanced=True,
                ),
                "retarget": spec.choice(
                    REFERENCES,
                    "Which moment of the driver matches the picture's expression: auto finds out, neutral is its face "
                    "at rest, same is for one and the same person.",
                    advanced=True,
                ),
                "pose": spec.choice(
                    POSES,
                    "absolute: the driver's head pose. relative: the picture's own, turned by the driver's change.",
                    advanced=True,
                ),
                "seed": seed_input(),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(  # noqa: N802
        cls, background_color: str | None = None, input_types: validation.Links | None = None
    ) -> bool | str:
        """Return True, or what would fail, before any work."""
        problem = validation.first_problem(cls, input_types)
        if problem is None and input_types is not None and not {"video", "audio", "motion"} & set(input_types):
            problem = _NO_DRIVER
        return problem or validation.look_problem(None, "color", background_color) or True

    def run(
        self,
        image: tensors.Batch,
        show: str,
        size: int,
        video: Any = None,
        audio: dict[str, Any] | None = None,
        motion: Motion | None = None,
        model: AvatarModel | None = None,
        tracker: HeadTracker | None = None,
        background_color: str = "#000000",
        expression: float = STRENGTH,
        head_pose: float = STRENGTH,
        smoothing: float = SMOOTHING,
        dub: bool = False,
        text: str = "",
        seconds: float = 0.0,
        face: int = 0,
        retarget: str = REFERENCES[0],
        pose: str = POSES[0],
        seed: int = 0,
    ) -> tuple[list[Any], list[tensors.Batch], Any, Motion, float]:
        """Raise `GagavatarError` where nothing drives, `FaceError` where a picture or the video shows no face."""
        from ..driving import operations

        moved, sound = _drive(video, take_sound(audio), motion, tracker, smoothing, text, dub)
        if seconds:
            moved = operations.trim(moved, 0, min(max(1, round(seconds * moved.fps)), len(moved)))
        moved = operations.scale_head_pose(operations.scale_expression(moved, expression), head_pose)
        sound, behind = sound_along(moved, sound), choose_background("color", background_color, None)
        made = []
        for portrait, avatar in _lift(image, face, model or default_model()):
            with ExitStack() as stack:
                driver = None if video is None or motion is not None else stack.enter_context(file_of(video))
                look = _look(show, size, portrait, avatar, behind, driver, moved)
                in_place = show == "whole picture"
                ready = (avatar, moved, retarget, True, in_place, seed, pose)
                made.append(_render(run_cancellable(partial(perform, *ready)), look))
        return [host.video_from_images(one, sound, moved.fps) for one in made], made, sound, moved, moved.fps


def _drive(
    video: Any,
    audio: Any,
    motion: Motion | None,
    tracker: HeadTracker | None,
    smoothing: float,
    text: str,
    dub: bool,
) -> tuple[Motion, Any]:
    """Return what moves the portrait, and the sound that was heard with it."""
    if motion is None and video is not None:
        passed = None if dub else audio
        motion, heard, *_ = ExtractDriving().run(smoothing, 0, FPS, 0, video=video, audio=passed, tracker=tracker)
    elif motion is not None:
        heard = audio
    elif audio is not None:
        return _voice(audio, text)
    else:
        raise GagavatarError(_NO_DRIVER)
    if not dub or audio is None:
        return motion, heard
    from ..driving.mixing import replace_mouth

    spoken, heard = _voice(audio, text)
    return replace_mouth(motion, spoken), heard


def _voice(audio: Any, text: str) -> tuple[Motion, Any]:
    full: dict[str, Any] = dict.fromkeys(("mouth", "head", "brows", "gaze", "blinks"), STRENGTH)
    motion, heard, *_ = DriveByVoice().run(audio, **full, seed=0, fps=VOICE_FPS, text=text, voice="embedded", style="")
    return motion, heard


_LIFTED: Recent[Any, list[tuple[Portrait, Avatar]]] = Recent(2)
"""Pictures whose avatars are kept, so that another driver or color does not lift again."""


def _lift(image: tensors.Batch, face: int, model: AvatarModel) -> list[tuple[Portrait, Avatar]]:
    def lift() -> list[tuple[Portrait, Avatar]]:
        portraits, *_ = TrackPortrait().run(image, face, "auto", PORTRAIT_SIZE)
        return [(one, run_cancellable(partial(model.lift, one))) for one in portraits]

    return _LIFTED.get_or_make((fingerprint(image), face, model), lift)


def _look(show: str, size: int, portrait: Portrait, avatar: Avatar, behind: Any, driver: Any, motion: Motion) -> Any:
    from ..output import Comparison, Look
    from ..rendering.stitching import Stitcher

    stitcher, comparison = None, None
    if show == "whole picture":
        stitcher = run_cancellable(lambda: Stitcher(avatar.frame_portrait(portrait), size))
    elif show == "side by side":
        comparison = Comparison(portrait.picture, driver, motion.times)
    return Look(size, size, behind, stitcher, comparison)


def _render(performance: Any, look: Any) -> tensors.Batch:
    """IMAGE of a whole performance."""
    from ..output import compose_frames

    frames = iterate_cancellable(compose_frames(performance, look))
    first = next(frames)
    count = len(performance)
    images, progress = tensors.new_batch(count, first.shape), NodeProgress(count)
    for index, frame in enumerate(chain([first], frames)):
        tensors.put(images, index, frame)
        progress(index + 1, picture=frame)
    return tensors.to_comfy(images)
