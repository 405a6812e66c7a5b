"""example_voice.flac: a sentence spoken by eSpeak NG, whose license leaves its output free."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import numpy as np

SENTENCE = (
    "Hello! I am only a photograph, but give me a voice, and I speak, blink, and move my head. What do you think?"
)
_COMMAND = ("espeak-ng", "-v", "en-us+f2", "-s", "140", "-p", "50", "-w")


def build(work: Path, out: Path) -> None:
    """Write `out/example_voice.flac`."""
    spoken = work / "example_voice.wav"
    try:
        subprocess.run([*_COMMAND, str(spoken), SENTENCE], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"espeak-ng does not run ({error}): install it, on Debian by `apt-get install espeak-ng`")
    with wave.open(str(spoken), "rb") as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    write_flac(out / "example_voice.flac", samples, rate)


def write_flac(path: Path, samples: np.ndarray, rate: int) -> None:
    """Write mono samples [N] int16 without loss."""
    import av

    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("flac", rate=rate, layout="mono")
        stream.options = {"compression_level": "12", "flags": "+bitexact"}
        for start in range(0, len(samples), 4096):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 4096], format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
