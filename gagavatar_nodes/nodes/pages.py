"""An avatar as a web page that lives by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..avatars import Avatar
from ..errors import GagavatarError
from ..types import Motion
from . import files, host, spec
from .progress import run_cancellable
from .sound import sound_along, write_sound


class AvatarToWebPage:
    """`Avatar to Web Page`."""

    DISPLAY_NAME = "Avatar to Web Page"
    CATEGORY = "GAGAvatar/files"
    DESCRIPTION = (
        "Saves an avatar as one HTML file that opens offline in any browser and lives there: it follows the pointer, "
        "blinks, speaks with a microphone, and plays the motion and sound that go along."
    )
    SEARCH_ALIASES = ("html", "living avatar", "web viewer", "interactive", "talking head page")
    RETURN_TYPES = ("STRING",)
    RETURN_NAMES = ("file",)
    OUTPUT_TOOLTIPS = ("The file, relative to the output folder.",)
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "avatar": spec.socket(spec.AVATAR, "From Lift Portrait or Load Avatar; an embedded one."),
                "filename_prefix": spec.text("gagavatar/avatar", files.PREFIX_TIP),
                "title": spec.text("Avatar", "Of the page."),
                "background": spec.text("", "A color such as #202428; empty for light or dark as the system is."),
            },
            "optional": {
                "motion": spec.socket(spec.MOTION, "What the page can play; without it the avatar idles."),
                "audio": spec.socket("AUDIO", "Heard while the motion plays."),
            },
        }

    def run(
        self,
        avatar: Avatar,
        filename_prefix: str,
        title: str,
        background: str,
        motion: Motion | None = None,
        audio: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Raise `GagavatarError` for an avatar of GAGAvatar or a wrong color, `MediaError` for an unwritable file."""
        from ..export.web_page import PageOptions
        from ..living import write_page
        from ..media.backgrounds import parse_color

        color = parse_color(background) if background.strip() else None
        if background.strip() and color is None:
            raise GagavatarError(f"'{background}' is no color: give one such as white or #202428, or nothing")
        path = files.next_file(filename_prefix, ".html")
        motions = {} if motion is None else {motion.source or "motion": motion}
        with _sound_file(sound_along(motion, audio) if motion is not None else None) as sound:
            options = PageOptions(title, color)
            run_cancellable(lambda: write_page(path, avatar, motions, sound, options))
        name = path.relative_to(host.output_folder()).as_posix()
        return {"ui": {"text": (name,), "gagavatar_page": (files.as_result(path),)}, "result": (name,)}


@contextmanager
def _sound_file(heard: Mapping[str, Any] | None) -> Iterator[Path | None]:
    """AUDIO as a file for as long as it is read."""
    if heard is None:
        yield None
        return
    with TemporaryDirectory(prefix="gagavatar-") as folder:
        path = Path(folder, "sound.wav")
        write_sound(heard, path)
        yield path
