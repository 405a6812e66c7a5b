"""Avatars and motions as files: the same as the command line's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..avatars import Avatar, load_avatar
from ..driving.motion_file import SUFFIXES, is_motion_file, load_motion, save_motion
from ..tensor_file import format_name
from ..types import Motion
from . import files, spec
from .driving import report
from .models import AvatarModel, comfy_settings
from .progress import run_cancellable

CATEGORY = "GAGAvatar/files"
_FILE_TIP = "Files in ComfyUI's output and input folders, newest first. 'R' refreshes the list."
_PATH_TIP = "From Save {}, to save and go on in one workflow; takes the place of file."


class SaveAvatar:
    """`Save Avatar`."""

    DISPLAY_NAME = "Save Avatar"
    CATEGORY = CATEGORY
    DESCRIPTION = "Saves an avatar, so that it need not be lifted again; `gagavatar render` reads the same file."
    SEARCH_ALIASES = ("export avatar", "store")
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("file",)
    OUTPUT_TOOLTIPS = ("The file, for Load Avatar.",)
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "avatar": spec.socket(spec.AVATAR, "From Lift Portrait."),
                "filename_prefix": spec.text("gagavatar/avatar", files.PREFIX_TIP),
            }
        }

    def run(self, avatar: Avatar, filename_prefix: str) -> dict[str, Any]:
        """Raise `MediaError` where the file cannot be written."""
        path = files.next_file(filename_prefix, ".avatar.safetensors")
        run_cancellable(lambda: avatar.save(path))
        return _result(path)


class LoadAvatar:
    """`Load Avatar`."""

    DISPLAY_NAME = "Load Avatar"
    CATEGORY = CATEGORY
    DESCRIPTION = "Loads an avatar that Save Avatar or `gagavatar lift` wrote."
    SEARCH_ALIASES = ("import avatar", "open avatar")
    RETURN_TYPES = (spec.AVATAR, "STRING")
    RETURN_NAMES = ("avatar", "info")
    OUTPUT_TOOLTIPS = ("For Render Avatar.", "Kind of avatar.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        types = _load_inputs(_is_avatar_file, "Avatar")
        model = spec.socket(spec.MODEL, "From Load Avatar Model, for avatars of GAGAvatar: its files and precision.")
        return types | {"optional": types["optional"] | {"model": model}}

    @classmethod
    def VALIDATE_INPUTS(cls, file: str) -> bool | str:  # noqa: N802
        """Return True, or what would fail, before any work."""
        return files.problem(file) or True

    @classmethod
    def IS_CHANGED(cls, file: str, **links: Any) -> str:  # noqa: N802
        """Return what differs where the node has to run again."""
        return files.fingerprint(file)

    def run(self, file: str, path: str | None = None, model: AvatarModel | None = None) -> tuple[Avatar, str]:
        """Raise `FileFormatError` where the file is damaged or of another kind."""
        source = files.choose_file(file, path)
        settings = comfy_settings() if model is None else model.settings
        avatar = run_cancellable(lambda: load_avatar(source, settings))
        return avatar, f"{avatar.model} avatar, {source.name}"


class SaveMotion:
    """`Save Motion`."""

    DISPLAY_NAME = "Save Motion"
    CATEGORY = CATEGORY
    DESCRIPTION = "Saves a motion, so that its video need not be tracked again; `gagavatar render` reads the same file."
    SEARCH_ALIASES = ("export motion", "store")
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("file",)
    OUTPUT_TOOLTIPS = ("The file, for Load Motion.",)
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "motion": spec.socket(spec.MOTION, "From Extract Driving or any motion node."),
                "filename_prefix": spec.text("gagavatar/motion", files.PREFIX_TIP),
            },
            "optional": {
                "format": spec.choice(
                    [suffix[1:] for suffix in SUFFIXES],
                    "safetensors keeps all; csv (Live Link Face) and json keep ARKit's curves, for Blender and Unreal.",
                )
            },
        }

    def run(self, motion: Motion, filename_prefix: str, format: str = SUFFIXES[0][1:]) -> dict[str, Any]:
        """Raise `MediaError` where the file cannot be written."""
        path = files.next_file(filename_prefix, f".motion.{format}")
        run_cancellable(lambda: save_motion(motion, path))
        return _result(path)


class LoadMotion:
    """`Load Motion`."""

    DISPLAY_NAME = "Load Motion"
    CATEGORY = CATEGORY
    DESCRIPTION = "Loads a motion: what Save Motion or `gagavatar track` wrote, or a take of Live Link Face (.csv)."
    SEARCH_ALIASES = ("import motion", "open motion")
    RETURN_TYPES = (spec.MOTION, "FLOAT", "STRING")
    RETURN_NAMES = ("motion", "fps", "report")
    OUTPUT_TOOLTIPS = ("For Render Avatar and the motion nodes.", "Frames a second.", "Length and bridged frames.")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return _load_inputs(is_motion_file, "Motion")

    @classmethod
    def VALIDATE_INPUTS(cls, file: str) -> bool | str:  # noqa: N802
        """Return True, or what would fail, before any work."""
        return files.problem(file) or True

    @classmethod
    def IS_CHANGED(cls, file: str, **links: Any) -> str:  # noqa: N802
        """Return what differs where the node has to run again."""
        return files.fingerprint(file)

    def run(self, file: str, path: str | None = None) -> tuple[Motion, float, str]:
        """Raise `FileFormatError` where the file is damaged or of another kind."""
        motion = load_motion(files.choose_file(file, path))
        return motion, motion.fps, report(motion)


def _load_inputs(recognizes: Any, noun: str) -> dict[str, Any]:
    return {
        "required": {"file": spec.choice(files.list_files(recognizes), _FILE_TIP)},
        "optional": {"path": spec.linked_text(_PATH_TIP.format(noun))},
    }


def _is_avatar_file(path: Path) -> bool:
    name = format_name(path) or ""
    return name.startswith("gagavatar.") and not is_motion_file(path)


def _result(path: Path) -> dict[str, Any]:
    result = files.as_result(path)
    name = f"{result['subfolder']}/{path.name}".lstrip("/") + " [output]"
    return {"ui": {"text": (name,)}, "result": (name,)}
