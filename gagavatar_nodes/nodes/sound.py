"""AUDIO values: read from a file without its pictures, and written for the video encoder."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError
from ..media.retiming import follows, retime, write_wav
from ..types import SOUND, Motion
from . import tensors

_log = logging.getLogger(__name__)


def read_sound(path: Path) -> dict[str, Any] | None:
    """AUDIO {waveform [1, C, N] float32, sample_rate} of a media file, in step with its picture; None without sound."""
    from ..media.sound import SoundReader

    try:
        sound = SoundReader(path)
        parts = list(sound)
    except MediaError:  # a picture, or sound that cannot be read: the motion is worth more
        return None
    if not parts:  # it ended before the picture began
        return None
    return {"waveform": tensors.to_tensor(np.concatenate(parts, axis=1)[None]), "sample_rate": sound.rate}


def take_sound(audio: Mapping[str, Any] | None) -> Any:
    """AUDIO that another node gave; None where it holds no sound.

    Some nodes give a mapping that reads its file at the first look, and fails there where a film is silent.
    """
    if audio is None:
        return None
    try:
        waveform, _ = audio["waveform"], int(audio["sample_rate"])
        empty = 0 in waveform.shape or waveform.ndim != 3
    except Exception as error:  # of any kind, such as the log of a program that was run
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        _log.warning("The connected audio holds no sound that can be read (%s): the result is silent", first[:200])
        return None
    return None if empty else audio


def sound_along(motion: Motion, audio: Mapping[str, Any] | None) -> Any:
    """AUDIO in step with the frames of a motion that was cut, repeated, held or reversed after it was tracked.

    That is so where `audio` is as long as the sound that the motion was tracked with; another one plays from its start.
    """
    audio = take_sound(audio)
    if audio is None:
        return None
    waveform, rate = audio["waveform"], int(audio["sample_rate"])
    if not follows(motion, waveform.shape[-1] / rate):
        return audio
    parts = [retime(samples, rate, motion.clock, motion.fps) for samples in tensors.to_array(waveform)]
    return {"waveform": tensors.to_tensor(np.stack(parts)), "sample_rate": rate}


def heard_with(motion: Motion, audio: Mapping[str, Any] | None) -> Motion:
    """Return the motion, which now knows the length of the AUDIO that it came with."""
    if audio is None:
        return motion
    seconds = audio["waveform"].shape[-1] / int(audio["sample_rate"])
    return replace(motion, extra=motion.extra | {SOUND: f"{seconds:.3f}"})


def write_sound(audio: Mapping[str, Any], path: Path) -> None:
    """Write AUDIO as 16-bit WAV."""
    write_wav(path, tensors.to_array(audio["waveform"][0]), int(audio["sample_rate"]))
