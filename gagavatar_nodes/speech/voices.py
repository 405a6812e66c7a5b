"""From a sound to a motion, by one of the voice models."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import GagavatarError
from ..settings import Settings, SettingsKeywords, merge_settings
from . import VOICE_FPS, VOICES
from .embedded import drive_embedded
from .manner import Manner
from .sound import Sound

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Unpack

    from ..types import Motion


def drive(
    sound: Sound,
    voice: str = "embedded",
    fps: float = VOICE_FPS,
    manner: Manner | None = None,
    text: str = "",
    progress: Callable[[int, int | None], None] | None = None,
    style: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    **keywords: Unpack[SettingsKeywords],
) -> Motion:
    """Return the motion of a face that says what a sound says, as long as the sound.

    Args:
        sound: a voice; see `Sound.open` and `Sound.of`.
        voice: one of `speech.VOICES`.
        fps: frames a second.
        manner: how strongly each part of the face goes along, and a seed; natural unless given.
        text: what is said, in English, where it is known: lips keep to it more closely.
        progress: called with frames done, and how many there are if that is known.
        style: how the speaker talks, for ARTalk; see `artalk.drive_artalk`.
        settings: where the published files are, and how networks run.
        keywords: the same one by one, see `Settings`.

    Raises:
        MediaError: the sound is empty or cannot be decoded.
        WeightsError: a file of ARTalk is missing, truncated or changed.
        GagavatarError: there is no such voice, the frame rate makes no sense, or the text is too long for the sound.
    """
    if voice not in VOICES:
        raise GagavatarError(f"There is no voice model '{voice}': choose one of {', '.join(VOICES)}")
    if voice == "artalk":
        from .artalk import drive_artalk

        return drive_artalk(sound, fps, manner, style, progress, merge_settings(settings, keywords))
    return drive_embedded(sound, fps, manner, text, progress)
