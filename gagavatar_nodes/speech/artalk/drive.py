"""ARTalk as an application uses it: a sound in, a motion out that drives either avatar."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from ...devices import require_torch, resolve_device
from ...errors import MediaError
from ...settings import Settings, SettingsKeywords, load_flame_model, merge_settings
from ...types import Motion
from ...weights import require_weight
from .. import VOICE_FPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Unpack

    from ..manner import Manner
    from ..sound import Sound


def check_artalk(
    style: str | os.PathLike[str] | None = None, settings: Settings | None = None, **keywords: Unpack[SettingsKeywords]
) -> None:
    """Raise what `drive_artalk` would for want of a file or of PyTorch, before the work."""
    settings = merge_settings(settings, keywords)
    require_torch()
    from .files import CHECKPOINT, find_style

    resolve_device(settings.device)
    require_weight(CHECKPOINT, settings.folders)
    find_style(style, settings.folders)
    settings.require_flame()


def drive_artalk(
    sound: Sound,
    fps: float = VOICE_FPS,
    manner: Manner | None = None,
    style: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    settings: Settings | None = None,
    **keywords: Unpack[SettingsKeywords],
) -> Motion:
    """Return the motion of a speaker's head, from the voice.

    Computed in float32 on the settings' device, at 25 frames a second; nothing is drawn at random. It takes
    2.4 GB of memory, 2 of them mapped from the checkpoint, whatever the sound's length, beside the motion itself.

    Args:
        sound: the voice.
        fps: frames a second of the result.
        manner: how strongly the face goes along: `mouth` is that of all that FLAME's expression and jaw do, `head` that
            of the head's turns. The other parts are not the codes' to tell, and no seed is of use.
        style: how the speaker talks: a published style's name, "none", a motion file, or None for the style that the
            published application starts with.
        progress: called after each four seconds of sound with the frames so far, and how many there will be if that
            is known.
        settings: where the published files are, and how networks run.
        keywords: the same one by one, see `Settings`.

    Raises:
        MediaError: the sound is empty.
        WeightsError: the checkpoint, the style or the FLAME file is missing, truncated or changed.
        FileFormatError: one of them is another kind of file, or the style too short.
        GagavatarError: there is no PyTorch, no such style or no such device; or FLAME is of another edition.
    """
    settings = merge_settings(settings, keywords)
    check_artalk(style, settings)
    from ...driving.operations import resample, scale_expression, scale_head_pose
    from ...heads.editions import check_same_edition
    from ...heads.flame import PUBLISHED_EDITION
    from ...lifting.gagavatar.predictor import full_float32
    from ...trackers import with_expressions
    from .files import find_style, load_network, load_style
    from .motion import FPS, motion_of
    from .speak import speak

    device, folders = resolve_device(settings.device), settings.folders
    flame = load_flame_model(settings)
    check_same_edition(PUBLISHED_EDITION, flame.edition)
    path = find_style(style, folders)
    talk = None if path is None else load_style(path)
    total = None if sound.seconds is None else math.ceil(sound.seconds * FPS)
    count = None if progress is None else lambda frames: progress(frames, total)
    with full_float32():
        codes = speak(load_network(folders).to(device), sound.blocks(), talk, count)
    if len(codes) == 0:
        raise MediaError(f"{sound.name} has no sound in it: give a file with speech")
    motion = with_expressions(motion_of(codes, sound.name), flame)
    if manner is not None:
        motion = scale_head_pose(scale_expression(motion, manner.mouth), manner.head)
    return resample(motion, fps)
