"""AUDIO values: read from a file without its pictures, and written for the video encoder."""

from __future__ import annotations

import logging
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError
from ..media.files import atomic_output

_log = logging.getLogger(__name__)


def read_sound(path: Path) -> dict[str, Any] | None:
    """AUDIO {waveform [1, C, N] float32, sample_rate} of a media file, in step with its picture; None without sound."""
    import torch

    from ..media.sound import SoundReader

    try:
        sound = SoundReader(path)
        parts = list(sound)
    except MediaError:  # a picture, or sound that cannot be read: the motion is worth more
        return None
    if not parts:  # it ended before the picture began
        return None
    return {"waveform": torch.from_numpy(np.concatenate(parts, axis=1))[None], "sample_rate": sound.rate}


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


def write_sound(audio: Mapping[str, Any], path: Path) -> None:
    """Write AUDIO as 16-bit WAV."""
    samples = np.clip(np.round(audio["waveform"][0].float().cpu().numpy() * 32768), -32768, 32767)
    with atomic_output(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(int(audio["sample_rate"]))
        file.writeframes(samples.T.astype("<i2").tobytes())
