"""An avatar as a file that lives by itself: one HTML page to send to anyone."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping

from .avatars import Avatar
from .export.web_page import PageOptions, Scene, page_html
from .media.files import atomic_output
from .media.retiming import sound_file
from .types import Motion

_BIT_RATE = 64_000
_RATE = 44_100


def living_page(
    avatar: Avatar,
    motions: Mapping[str, Motion] | None = None,
    sound: str | os.PathLike[str] | None = None,
    options: PageOptions | None = None,
) -> str:
    """Return the page of an avatar as HTML.

    Args:
        avatar: an embedded one.
        motions: what it can play, by name; the first one is played with `sound`.
        sound: a file whose sound goes with the first motion, in step with its first frame; one without sound is fine.
        options: title, background, and what the page may reach.

    Raises:
        GagavatarError: the avatar has no rig, see `Avatar.rig`, or the live source's address is none.
        MediaError: the sound's file is missing or no media file.
    """
    rig = avatar.rig()
    scenes = []
    for name, motion in (motions or {}).items():
        with sound_file(motion, sound, own=False) as file:
            scenes.append(Scene(avatar.take(motion, name), None if file is None else mp3_of(file)))
        sound = None
    return page_html(rig, scenes, options)


def write_page(
    path: str | os.PathLike[str],
    avatar: Avatar,
    motions: Mapping[str, Motion] | None = None,
    sound: str | os.PathLike[str] | None = None,
    options: PageOptions | None = None,
) -> int:
    """Write the page of an avatar, whole or not at all; see `living_page`.

    Returns:
        Its size in bytes.

    Raises:
        GagavatarError: as `living_page`.
        MediaError: as `living_page`, or the file cannot be written.
    """
    content = living_page(avatar, motions, sound, options).encode()
    with atomic_output(path) as temporary:
        temporary.write_bytes(content)
    return len(content)


def mp3_of(path: str | os.PathLike[str]) -> bytes | None:
    """Return the sound of a media file as MP3, which every browser plays; None where it has none.

    Raises:
        MediaError: the file is missing or no media file.
    """
    import av
    import numpy as np

    from .media.sound import SoundReader, find_sound

    if find_sound(path) is None:
        return None
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=_RATE, layout="mono")
        stream.bit_rate = _BIT_RATE
        for block in SoundReader(path, rate=_RATE, channels=1):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="mono")
            frame.sample_rate = _RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
