"""AUDIO values: read from a file without its pictures, and written for the video encoder."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np

from ..media.files import atomic_output
from ..media.streams import open_container


def read_sound(path: Path) -> dict[str, Any] | None:
    """AUDIO {waveform [1, C, N] float32, sample_rate} of a media file; None where it has no sound."""
    import av
    import torch

    try:
        with open_container(path) as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None:
                return None
            rate = stream.rate
            resampler = av.AudioResampler("fltp", stream.layout, rate)
            parts = [part.to_ndarray() for frame in _decoded(container, stream) for part in resampler.resample(frame)]
            parts += [part.to_ndarray() for part in resampler.resample(None)]
    except (av.error.FFmpegError, ValueError):  # a picture, or sound that cannot be read: the motion is worth more
        return None
    if not parts:
        return None
    return {"waveform": torch.from_numpy(np.concatenate(parts, axis=1))[None], "sample_rate": rate}


def write_sound(audio: dict[str, Any], path: Path) -> None:
    """Writes AUDIO as 16-bit WAV."""
    samples = np.clip(np.round(audio["waveform"][0].float().cpu().numpy() * 32768), -32768, 32767)
    with atomic_output(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)
        file.setframerate(int(audio["sample_rate"]))
        file.writeframes(samples.T.astype("<i2").tobytes())


def _decoded(container: Any, stream: Any) -> Any:
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:  # one bad packet: a click, not the end
            continue
