"""AUDIO values: read from a file without its pictures, and written for the video encoder."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError
from ..media.files import atomic_output


def read_sound(path: Path) -> dict[str, Any] | None:
    """AUDIO {waveform [1, C, N] float32, sample_rate} of a media file, in step with its picture; None without sound."""
    import torch

    from ..media.sound import SoundReader, find_sound

    try:
        if find_sound(path) is None:
            return None
        sound = SoundReader(path)
        parts = list(sound)
    except MediaError:  # a picture, or sound that cannot be read: the motion is worth more
        return None
    return {"waveform": torch.from_numpy(np.concatenate(parts, axis=1))[None], "sample_rate": sound.rate}


def write_sound(audio: dict[str, Any], path: Path) -> None:
    """Writes AUDIO as 16-bit WAV."""
    samples = np.clip(np.round(audio["waveform"][0].float().cpu().numpy() * 32768), -32768, 32767)
    with atomic_output(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(int(audio["sample_rate"]))
        file.writeframes(samples.T.astype("<i2").tobytes())
