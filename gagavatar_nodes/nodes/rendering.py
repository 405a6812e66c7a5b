"""From an avatar and a motion to pictures or a video file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ..avatars import Avatar, Performance
from ..choices import POSES, REFERENCES, SIZE, SIZES
from ..errors import GagavatarError
from ..media.backgrounds import Background, ColorBackground
from ..types import Motion, Portrait
from . import files, host, spec, tensors, validation
from .chunks import HIDDEN, Carried, chunk_number
from .driving import file_of
from .performing import choose_background, perform, seed_input
from .progress import NodeProgress, iterate_cancellable, run_cancellable
from .sound import sound_along, write_sound

CATEGORY = "GAGAvatar"
SAVE_FOLDER = "gagavatar"
_PLAYED = (".mp4", ".webm")
_FIRST: Carried[Performance] = Carried()
"""The performance of the first piece of a motion that comes in pieces: the others are measured as it was."""


class RenderAvatar:
    """`Render Avatar`."""

    DISPLAY_NAME = "Render Avatar"
    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Lets a motion drive an avatar and renders every frame, with a live preview. Long motions go better through "
        "Render Avatar to Video, which holds no frames in memory."
    )
    SEARCH_ALIASES = ("animate", "talking head", "drive", "reenact", "live portrait", "gaussian render")
    RETURN_TYPES = ("IMAGE", "MASK", "VIDEO", "FLOAT", "AUDIO")
    RETURN_NAMES = ("images", "mask", "video", "fps", "audio")
    OUTPUT_TOOLTIPS = (
        "One picture a frame. With a transparent background: the head's own colors up to its edge.",
        "White where the head is (alpha). Join Image with Alpha wants it inverted.",
        "The same as VIDEO, with the sound.",
        "Frames a second.",
        "The sound in step with the frames: cut, repeated and held as the motion was.",
    )
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        in_place = spec.switch(
            False,
            "The head keeps the portrait's place, which Stitch Back needs. Matters for GAGAvatar with FLAME codes, "
            "which else takes the driver's camera.",
            advanced=True,
        )
        return {
            "required": {**_drive_inputs(), **_look_inputs(), **_finish_inputs(), "in_place": in_place},
            "optional": _optional_inputs(),
            "hidden": HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(  # noqa: N802
        cls,
        background: str | None = None,
        background_color: str | None = None,
        input_types: validation.Links | None = None,
    ) -> bool | str:
        """Return True, or what would fail, before any work."""
        return (
            validation.first_problem(cls, input_types, background=background)
            or validation.look_problem(input_types, background, background_color)
            or True
        )

    def run(
        self,
        avatar: Avatar,
        motion: Motion,
        width: int,
        height: int,
        background: str,
        background_color: str,
        retarget: str,
        reference_frame: int,
        refine: bool,
        in_place: bool,
        background_image: tensors.Batch | None = None,
        audio: dict[str, Any] | None = None,
        seed: int = 0,
        pose: str = "auto",
        prompt: Any = None,
        unique_id: str | None = None,
    ) -> tuple[tensors.Batch, tensors.Batch, Any, float, dict[str, Any] | None]:
        """Raise `GagavatarError` where the frames do not fit the memory or an input makes no sense."""
        behind = choose_background(background, background_color, background_image)
        count = len(motion)
        images, mask = tensors.new_batch(count, (height, width, 3)), tensors.new_batch(count, (height, width))
        progress = NodeProgress(count)
        reference = reference_frame if retarget == "frame" else retarget
        chunk, how = chunk_number(prompt, unique_id), (reference, refine, in_place, seed, pose)
        first = None if chunk is None else _FIRST.before(unique_id, chunk, (id(avatar), how))
        performance = run_cancellable(lambda: perform(avatar, motion, *how, first))
        if chunk is not None:
            _FIRST.leave(unique_id, chunk, (id(avatar), how), first or performance)
        for index, (picture, alpha) in enumerate(iterate_cancellable(_draw(performance, (width, height), behind))):
            tensors.put(images, index, picture)
            tensors.put(mask, index, alpha)
            progress(index + 1, picture=picture)
        result, sound = tensors.to_comfy(images), sound_along(motion, audio)
        video = host.video_from_images(result, sound, motion.fps)
        return result, tensors.to_comfy(mask), video, motion.fps, sound


class RenderAvatarToVideo:
    """`Render Avatar to Video`."""

    DISPLAY_NAME = "Render Avatar to Video"
    CATEGORY = CATEGORY
    DESCRIPTION = (
        "Renders straight into a video file in ComfyUI's output folder: frames are never held in memory, so the "
        "motion may be an hour long. With a portrait connected, the head goes back into its picture."
    )
    SEARCH_ALIASES = ("save video", "animate", "long video", "export mp4", "streaming")
    RETURN_TYPES = ("VIDEO", "STRING")
    RETURN_NAMES = ("video", "file")
    OUTPUT_TOOLTIPS = ("The file as VIDEO.", "Path of the file.")
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        from ..media.formats import FORMATS

        formats = [extension[1:] for extension in FORMATS if extension != ".m4v"]
        return {
            "required": {
                **_drive_inputs(),
                **_look_inputs(),
                "filename_prefix": spec.text(f"{SAVE_FOLDER}/head", files.PREFIX_TIP),
                "format": spec.choice(formats, "mp4 plays everywhere. Transparency needs webm or mov."),
                "quality": spec.whole(
                    18,
                    0,
                    51,
                    "0 is the finest and large, 18 looks like it, 28 is small. Not used by gif and transparent mov.",
                    advanced=True,
                ),
                **_finish_inputs(),
            },
            "optional": {
                **_optional_inputs(),
                "stitch_into": spec.socket(
                    spec.PORTRAIT, "Puts the head back into this portrait's picture; size and background are its own."
                ),
                "beside_portrait": spec.socket(spec.PORTRAIT, "Shows this portrait to the left of the head."),
                "beside_driver": spec.socket(
                    "VIDEO", "Shows the driver between the portrait and the head; wants beside_portrait."
                ),
                "save_workflow": spec.switch(
                    True,
                    "Keeps this graph in the file, so that dropping the file on the canvas brings it back. Not in gif.",
                    advanced=True,
                ),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    @classmethod
    def VALIDATE_INPUTS(  # noqa: N802
        cls,
        background: str | None = None,
        background_color: str | None = None,
        format: str | None = None,
        input_types: validation.Links | None = None,
    ) -> bool | str:
        """Return True, or what would fail, before any work."""
        return (
            validation.first_problem(cls, input_types, background=background, format=format)
            or validation.look_problem(input_types, background, background_color, format or "")
            or True
        )

    def run(
        self,
        avatar: Avatar,
        motion: Motion,
        width: int,
        height: int,
        background: str,
        background_color: str,
        filename_prefix: str,
        format: str,
        quality: int,
        retarget: str,
        reference_frame: int,
        refine: bool,
        background_image: tensors.Batch | None = None,
        audio: dict[str, Any] | None = None,
        seed: int = 0,
        stitch_into: Portrait | None = None,
        beside_portrait: Portrait | None = None,
        beside_driver: Any = None,
        pose: str = "auto",
        save_workflow: bool = True,
        prompt: Any = None,
        extra_pnginfo: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Raise `MediaError` where the file cannot be written, `GagavatarError` where an input makes no sense."""
        from ..media.formats import choose_format
        from ..pipeline import Comparison, Look, compose_frames
        from ..rendering.stitching import Stitcher

        behind = choose_background(background, background_color, background_image)
        stitcher = (
            None if stitch_into is None else run_cancellable(lambda: Stitcher(avatar.frame_portrait(stitch_into)))
        )
        size = (width, height) if stitcher is None else stitcher.size
        transparent = stitcher is None and behind.color is None if isinstance(behind, ColorBackground) else False
        if transparent and beside_portrait is not None:
            raise GagavatarError("Pictures side by side cannot be transparent: choose another background")
        path = files.next_file(filename_prefix, f".{format}", *size)
        choose_format(path, transparent)
        reference = reference_frame if retarget == "frame" else retarget
        performance = run_cancellable(
            lambda: perform(avatar, motion, reference, refine, stitch_into is not None, seed, pose)
        )
        with ExitStack() as stack:
            driver = None if beside_driver is None else stack.enter_context(file_of(beside_driver))
            comparison = None if beside_portrait is None else Comparison(beside_portrait.picture, driver, motion.times)
            look = Look(width, height, behind, stitcher, comparison)
            frames = iterate_cancellable(compose_frames(performance, look))
            first = next(frames)
            size = first.shape[1], first.shape[0]
            notes = host.workflow_notes(prompt, extra_pnginfo) if save_workflow else {}
            _write(path, chain([first], frames), motion, size, transparent, audio, quality, notes)
        result = (host.video_from_file(path), str(path))
        return {"ui": {"images": [files.as_result(path)], "animated": (path.suffix in _PLAYED,)}, "result": result}


def _draw(
    performance: Performance, size: tuple[int, int], background: Background
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures [H, W, 3] uint8 and alpha [H, W] float32, new arrays."""
    from ..rendering.compositing import composite

    behind = background.frames(size, performance.fps)
    for rgb, alpha in performance.frames(*size):
        yield composite(rgb, alpha, next(behind))[..., :3], alpha.copy()


def _write(
    path: Path,
    frames: Iterator[np.ndarray],
    motion: Motion,
    size: tuple[int, int],
    transparent: bool,
    audio: dict[str, Any] | None,
    quality: int,
    notes: dict[str, str],
) -> None:
    from ..media.video_writer import VideoWriter

    progress = NodeProgress(len(motion))
    with ExitStack() as stack:
        sound = None
        audio = sound_along(motion, audio)
        if audio is not None:
            sound = host.temporary_folder() / f"gagavatar_{path.stem}.wav"
            stack.callback(sound.unlink, missing_ok=True)
            write_sound(audio, sound)
        video = stack.enter_context(VideoWriter(path, motion.fps, size, transparent, sound, crf=quality, notes=notes))
        for count, frame in enumerate(frames, 1):
            video.write(frame)
            progress(count, picture=frame)


def _drive_inputs() -> dict[str, spec.Spec]:
    return {
        "avatar": spec.socket(spec.AVATAR, "From Lift Portrait or Load Avatar."),
        "motion": spec.socket(spec.MOTION, "From Extract Driving or any motion node."),
    }


def _look_inputs() -> dict[str, spec.Spec]:
    return {
        "width": spec.whole(SIZE, *SIZES, "Pixels. The head fills the shorter edge.", step=8),
        "height": spec.whole(SIZE, *SIZES, "Pixels; as width for stitching.", step=8),
        "background": spec.choice(
            ["color", "image", "transparent"],
            "A color, the connected background_image, or none at all. A connected picture wins.",
        ),
        "background_color": spec.color("#000000", "#rrggbb, or a name such as black, white, gray, green or blue."),
    }


def _finish_inputs() -> dict[str, spec.Spec]:
    return {
        "retarget": spec.choice(
            [*REFERENCES, "frame"],
            "Which moment of the driver matches the portrait's expression. neutral: its face at rest. same: driver and "
            "portrait are one person. frame: the one below. auto finds out.",
            advanced=True,
        ),
        "reference_frame": spec.whole(0, 0, 1_000_000, "Frame of the motion, for retarget 'frame'.", advanced=True),
        "refine": spec.switch(True, "GAGAvatar's neural renderer; off is faster and blurrier. Not used by embedded."),
    }


def _optional_inputs() -> dict[str, spec.Spec]:
    return {
        "background_image": spec.socket(
            "IMAGE", "Behind the head, whatever background is; a batch is played, and repeated from its start."
        ),
        "audio": spec.socket(
            "AUDIO",
            "Sound for the video. The one that the motion came with, such as Extract Driving's, is cut, repeated and "
            "held as the motion was; another one plays from its start.",
        ),
        "seed": seed_input(),
        "pose": spec.choice(
            POSES,
            "absolute: the driver's head pose. relative: the portrait's own, turned by the driver's change. auto: "
            "relative as far as the portrait is turned away, and bounded. GAGAvatar is always absolute.",
            advanced=True,
        ),
    }
