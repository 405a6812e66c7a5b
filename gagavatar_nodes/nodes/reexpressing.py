"""A film whose face takes another expression, in one node."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from ..choices import FACES, FPS, MOMENTS, RATES, SMOOTHING
from ..errors import GagavatarError
from ..recent import Recent
from ..reexpression import WatchedFilm
from ..types import FrameSource, Motion
from . import host, spec, tensors, validation
from .driving import PictureBatch, file_of, file_state, fingerprint, report
from .progress import NodeProgress, iterate_cancellable, run_cancellable
from .sound import heard_with, read_sound, sound_along, take_sound

_NO_FILM = "Re-express Video has no film: connect 'video' or 'images'"


class ReexpressVideo:
    """`Re-express Video`."""

    DISPLAY_NAME = "Re-express Video"
    CATEGORY = "GAGAvatar"
    DESCRIPTION = (
        "The face in a film takes the expression of a motion; its head keeps its own pose, and the rest of the picture "
        "stays as it was filmed. With eyes at 0 and a voice's motion it is dubbing. Drawn with the embedded avatar. "
        "Frames are held in memory; for long films take `python custom_nodes/gagavatar reexpress`."
    )
    SEARCH_ALIASES = ("video to video", "dubbing", "lip sync video", "retarget", "edit expression of a video", "v2v")
    RETURN_TYPES = ("VIDEO", "IMAGE", "AUDIO", "STRING", "FLOAT")
    RETURN_NAMES = ("video", "images", "audio", "report", "fps")
    OUTPUT_TOOLTIPS = (
        "With the sound, for Save Video.",
        "Its frames.",
        "Its sound.",
        "Which frames show the face.",
        "Frames a second.",
    )
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "motion": spec.socket(
                    spec.MOTION,
                    "The new expression, from any motion node. The result ends with the shorter one; a single face, as "
                    "from Expression, is held all along.",
                ),
                "eyes": spec.slider(1.0, 0, 1, "Share of the motion's eyes and brows: 0 leaves those of the film."),
                "mouth": spec.slider(1.0, 0, 1, "Share of the motion's mouth and jaw: 0 leaves those of the film."),
            },
            "optional": {
                "video": spec.socket("VIDEO", "The film, from Load Video. Takes the place of images."),
                "images": spec.socket("IMAGE", "The film as a batch of frames."),
                "audio": spec.socket(
                    "AUDIO", "The motion's sound, such as the voice. Without it: the sound of the video."
                ),
                "smoothing": spec.slider(
                    SMOOTHING, 0, 1, "Takes jitter out of the film's tracking: 0 is raw.", advanced=True
                ),
                "face": spec.whole(
                    0, 0, FACES - 1, "Which face of the film, where there are several: 0 is the largest.", advanced=True
                ),
                "fps": spec.number(
                    FPS, *RATES, "Frames a second of images. A VIDEO knows its own.", step=0.001, advanced=True
                ),
                "start": spec.number(0, *MOMENTS, "Second of the film at which the result begins."),
                "end": spec.number(0, *MOMENTS, "Second of the film at which the result ends; 0 is the film's end."),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(  # noqa: N802
        cls, input_types: validation.Links | None = None, start: float | None = None, end: float | None = None
    ) -> bool | str:
        """Return True, or what would fail, before any work."""
        problem = validation.first_problem(cls, input_types, start=start, end=end)
        problem = problem or validation.span_problem(start, end)
        if problem is None and input_types is not None and not {"video", "images"} & set(input_types):
            problem = _NO_FILM
        return problem or True

    def run(
        self,
        motion: Motion,
        eyes: float,
        mouth: float,
        video: Any = None,
        images: tensors.Batch | None = None,
        audio: dict[str, Any] | None = None,
        smoothing: float = SMOOTHING,
        face: int = 0,
        fps: float = FPS,
        start: float = 0.0,
        end: float = 0.0,
    ) -> tuple[Any, tensors.Batch, Any, str, float]:
        """Raise `GagavatarError` where there is no film, `FaceError` where it shows no face."""
        from ..media.video_reader import VideoReader
        from ..reexpression import last_second

        spoken, own = sound_along(motion, take_sound(audio)), None
        with ExitStack() as stack:
            if video is not None and host.is_components(video):
                parts = video.get_components()
                images, fps, video = parts.images, float(parts.frame_rate), None
                own = take_sound(parts.audio)
            if video is not None:
                path = stack.enter_context(file_of(video))
                frames: FrameSource = stack.enter_context(VideoReader(path))
                key, name = file_state(path), path.name
                own = None if spoken else run_cancellable(lambda: read_sound(path))
            elif images is not None:
                tensors.check_images(images, "images")
                frames, key, name = PictureBatch(images, fps), fingerprint(images), "images"
            else:
                raise GagavatarError(_NO_FILM)
            part = start, last_second(motion, start, end or None)
            film = _WATCHED.get_or_make(
                (key, frames.fps, smoothing, face, part), partial(_watch, frames, smoothing, face, name, *part)
            )
            made = _draw(frames, film, motion, eyes, mouth)
        sound = spoken or sound_along(heard_with(film.motion, own), own)
        return host.video_from_images(made, sound, frames.fps), made, sound, report(film.motion), frames.fps


_WATCHED: Recent[Any, WatchedFilm] = Recent(2)
"""Films whose faces are known, so that another expression does not track and lift again."""


def _watch(frames: FrameSource, smoothing: float, face: int, name: str, start: float, end: float | None) -> WatchedFilm:
    from ..reexpression import watch

    progress = NodeProgress(None)
    return run_cancellable(lambda: watch(frames, smoothing, face, progress, name, None, start, end))


def _draw(frames: FrameSource, film: WatchedFilm, motion: Motion, eyes: float, mouth: float) -> tensors.Batch:
    """IMAGE of the film with its new expression."""
    from ..reexpression import as_long, reexpress

    motion = as_long(motion, film)
    count = len(motion)
    coming = iterate_cancellable(reexpress(frames, film, motion, eyes, mouth))
    first: np.ndarray = next(coming)
    images, progress = tensors.new_batch(count, first.shape), NodeProgress(count)
    for index, frame in enumerate(chain([first], coming)):
        tensors.put(images, index, frame)
        progress(index + 1, picture=frame)
    return tensors.to_comfy(images)
