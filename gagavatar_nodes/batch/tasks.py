"""The three kinds of work, as data that any process or machine can do: lift a portrait, track a driver, render a clip.

A task's spec names files by address, and its results appear whole or not at all. Doing it twice gives the same bytes.
"""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import FaceError, FileFormatError, GagavatarError, MediaError, WeightsError
from ..media import budget
from ..recent import Recent
from ..settings import Settings
from ..speech import VOICE_FPS
from .storage import Files

if TYPE_CHECKING:
    from ..avatars import Avatar
    from ..output import Look
    from ..types import Motion, Portrait

T = TypeVar("T")
Progress = Callable[[int, "int | None"], None]
LIFT, TRACK, RENDER = "lift", "track", "render"
KINDS = (LIFT, TRACK, RENDER)
_PATH = re.compile(r"(?<![\w:/.])(?:/[\w.+-]+){2,}|\b[A-Za-z]:\\[^\s'\"]+")
HOPELESS = (FaceError, FileFormatError, WeightsError)
"""Errors that another attempt would end in as well."""
KEPT = 2
"""Avatars, and motions, that a worker keeps in memory."""


class Workbench:
    """Does tasks one after the other, and keeps what the next one may need too."""

    def __init__(self, device: str | None = None) -> None:
        """`device` of networks, instead of the one in the tasks."""
        self._device = device
        self._files = Files()
        self._kept: defaultdict[str, Recent[str, Any]] = defaultdict(lambda: Recent(KEPT))

    def close(self) -> None:
        """Remove temporary files."""
        self._files.close()

    def do(self, kind: str, spec: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        """Do one task; return what is to be known of its result, with the seconds that it took.

        Raises:
            GagavatarError: the user can mend it; files are named as in `spec["names"]`, where it has any.
        """
        work = {LIFT: self._lift, TRACK: self._track, RENDER: self._render}[kind]
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            with budget.within(_make_budget(spec)):
                result = work(spec, progress)
        except GagavatarError as error:
            text = self._with_user_names(str(error), spec)
            raise type(error)(_tell_clients(text, error) if spec.get("limits") else text) from error
        return {
            **result,
            "seconds": round(time.perf_counter() - wall, 4),
            "cpu_seconds": round(time.process_time() - cpu, 4),
        }

    def _lift(self, spec: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        from .. import pipeline

        portrait = self._portrait(spec)
        avatar = pipeline.lift(portrait, spec["model"], spec["density"], self._settings(spec))
        with self._files.publish(spec["result"]) as path:
            avatar.save(path)
            size = path.stat().st_size
        self._kept["avatar"].put(spec["result"], avatar)
        return {"bytes": size, "gaussians": len(avatar), "model": avatar.model}

    def _track(self, spec: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        from .. import pipeline
        from ..driving.motion_file import save_motion

        source = spec["driver"] if spec["built_in"] else self._files.fetch(spec["driver"])
        if not spec["built_in"] and _is_voice(source, spec["drive"]):
            motion = self._speak(source, spec, progress)
        else:
            motion = pipeline.read_driver(
                source,
                spec["smoothing"],
                self._face(spec["face"]),
                spec["seconds"],
                spec["fps"],
                progress,
                use_cache=False,
                tracker=spec["tracker"],
                settings=self._settings(spec),
            )
        with self._files.publish(spec["result"]) as path:
            save_motion(motion, path)
            size = path.stat().st_size
        self._kept["motion"].put(spec["result"], motion)
        return {"bytes": size, "frames": len(motion), "fps": motion.fps, "bridged": len(motion.bridged)}

    def _speak(self, source: str | Path, spec: Mapping[str, Any], progress: Progress) -> Motion:
        from .. import pipeline
        from ..speech.manner import Manner

        style = self._files.fetch(spec["style_file"]) if spec.get("style_file") else spec.get("style")
        return pipeline.read_voice(
            source,
            spec["voice"],
            spec["fps"] or VOICE_FPS,
            Manner(**spec["manner"]),
            spec["text"],
            progress,
            style,
            self._settings(spec),
        )

    def _render(self, spec: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
        from .. import pipeline
        from ..avatars import load_avatar
        from ..driving.mixing import replace_mouth
        from ..driving.motion_file import load_motion
        from ..driving.operations import loop, scale_expression, scale_head_pose
        from ..media.retiming import sound_file

        settings = self._settings(spec)
        avatar: Avatar = self._get("avatar", spec["avatar"], lambda path: load_avatar(path, settings))
        motion: Motion = self._get("motion", spec["motion"], load_motion)
        if spec.get("words"):
            motion = replace_mouth(motion, self._get("motion", spec["words"], load_motion))
        motion = scale_head_pose(scale_expression(motion, spec["expression"]), spec["head_pose"])
        motion = loop(motion) if spec["loop"] else motion
        performance = avatar.perform(motion, spec["reference"], spec["stitch"], spec["seed"], spec["pose"])
        look = self._look(spec, avatar, motion)
        with self._files.publish(spec["result"]) as path, sound_file(motion, self._sound(spec)) as sound:
            frames = pipeline.render(performance, path, look, sound, progress)
            size = 0 if spec.get("numbered") else path.stat().st_size
        return {"bytes": size, "frames": frames, "fps": performance.fps}

    def _look(self, spec: Mapping[str, Any], avatar: Avatar, motion: Motion) -> Look:
        from ..media.backgrounds import parse_background
        from ..output import Comparison, Look
        from ..rendering.stitching import Stitcher

        behind = spec["background"]
        if spec.get("background_file"):
            behind = str(self._files.fetch(behind))
        stitcher = comparison = None
        if spec["stitch"] or spec["compare"]:
            portrait = self._get("portrait", spec["portrait"], lambda _: self._portrait(spec))
            if spec["stitch"]:
                stitcher = Stitcher(avatar.frame_portrait(portrait), spec.get("limits", {}).get("edge"))
            else:
                comparison = Comparison(portrait.picture, self._find_film(spec), motion.times)
        width, height = spec["size"]
        return Look(width, height, parse_background(behind), stitcher, comparison)

    def _find_film(self, spec: Mapping[str, Any]) -> Path | None:
        """Return the driver's film, where a comparison shows it."""
        from .. import pipeline

        if not spec.get("film"):
            return None
        file = self._files.fetch(spec["film"])
        return file if pipeline.is_media(file) and not pipeline.is_sound(file) else None

    def _portrait(self, spec: Mapping[str, Any]) -> Portrait:
        from .. import pipeline

        file = self._files.fetch(spec["portrait"])
        most = spec.get("limits", {}).get("pixels")
        if most is not None:
            _check_pixels(file, most)
        size = pipeline.PUBLISHED_PORTRAIT_SIZE if spec["model"] == "gagavatar" else pipeline.PORTRAIT_SIZE
        return pipeline.read_portrait(file, self._face(spec["face"]), size, self._settings(spec))

    def _face(self, value: Any) -> int | tuple[float, float] | Path | None:
        if isinstance(value, str):
            return self._files.fetch(value)
        return (float(value[0]), float(value[1])) if isinstance(value, (list, tuple)) else value

    def _sound(self, spec: Mapping[str, Any]) -> Path | None:
        from .. import pipeline

        if not spec.get("sound"):
            return None
        file = self._files.fetch(spec["sound"])
        return file if pipeline.is_media(file) else None

    def _settings(self, spec: Mapping[str, Any]) -> Settings:
        options = dict(spec.get("published", {}))
        if self._device is not None:
            options["device"] = self._device
        return Settings(**options)

    def _get(self, kind: str, address: str, load: Callable[[Path], T]) -> T:
        return self._kept[kind].get_or_make(address, lambda: load(self._files.fetch(address)))

    def _with_user_names(self, text: str, spec: Mapping[str, Any]) -> str:
        """Return a message that names files as the user does, and no path of this machine that is not theirs."""
        shown: dict[str, str] = spec.get("names", {})
        for address in (value for value in spec.values() if isinstance(value, str) and value):
            name = shown.get(address, address)
            file = self._files.path_of(address)
            for path in (str(file), address):
                if len(path) > 1 and os.sep in path:
                    text = text.replace(path, name)
            if address in shown:
                text = text.replace(file.name, name)
        return text


def _tell_clients(text: str, error: GagavatarError) -> str:
    """Return a message for those who cannot see this machine: without paths, and without what only its owner can do."""
    if isinstance(error, WeightsError):
        return "This needs weights that are not at the service: choose another model or voice."
    return _PATH.sub("a file of the service", text)


def _is_voice(source: str | Path, drive: str) -> bool:
    from .. import pipeline

    return drive == "sound" or (drive == "auto" and pipeline.is_sound(source))


def _check_pixels(file: Path, most: int) -> None:
    from ..media.images import open_image

    with open_image(file) as image:
        width, height = image.size
    if width * height > most:
        raise MediaError(f"{file} has {width} x {height} pixels, but at most {most} are taken: shrink it")


def _make_budget(spec: Mapping[str, Any]) -> budget.Budget | None:
    """Return what may be decoded for a task that has limits: what a file says of itself bounds nothing."""
    limits = spec.get("limits")
    return None if limits is None else budget.Budget(limits["seconds"], limits["pixels"])
