"""The bundled face says what a voice says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..driving.performing import add_blink, add_gaze, perform_weights
from ..driving.pose import rotation_of
from ..errors import GagavatarError, MediaError
from ..types import Motion, Progress
from . import VOICE_FPS
from .analysis import Speech, analyze
from .articulation import articulate
from .gestures import gesture
from .manner import Manner
from .sound import Sound

_QUIETEST, _LOUDEST = 0.1, 1.2
"""Of the jaw's opening at usual loudness."""
_BETWEEN_SYLLABLES, _IN_SYLLABLES = 0.7, 1.2
_SPAN_DB = 20.0  # between shut and fully open
_HEADROOM_DB = 9.0  # under the loudest vowels, at which the mouth opens as usual
_SILENT_DB = -60.0  # of a whole sound, under which loudness means nothing


def drive_embedded(
    sound: Sound,
    fps: float = VOICE_FPS,
    manner: Manner | None = None,
    text: str = "",
    progress: Progress | None = None,
) -> Motion:
    """Return a motion as long as the sound; see `voices.drive`."""
    if not (math.isfinite(fps) and fps > 0):
        raise GagavatarError(f"Frames per second must be above 0, but got {fps}")
    total = None if sound.seconds is None else round(sound.seconds * fps)
    speech = analyze(sound, text, None if progress is None else lambda seconds: progress(round(seconds * fps), total))
    if speech.seconds <= 0:
        raise MediaError(f"{sound.name} has no samples: give a file with speech in it")
    times = np.arange(max(1, math.ceil(speech.seconds * fps - 1e-6))) / fps
    return replace(perform_speech(speech, times, fps, manner or Manner()), source=f"voice: {sound.name}")


def perform_speech(speech: Speech, times: np.ndarray, fps: float, manner: Manner) -> Motion:
    """Return the face at the seconds `times` [T] of a speech."""
    weights = articulate(speech.phones, times, jaw_gain(speech, times), manner.mouth)
    gestures = gesture(speech, times, fps, manner)
    weights += gestures.weights
    add_gaze(weights, gestures.gaze)
    add_blink(weights, gestures.shut)
    head = np.radians(gestures.head)
    return perform_weights(
        np.clip(weights, 0, 1).astype(np.float32),
        rotation_of(head[:, 0], head[:, 1], head[:, 2]),
        gestures.shift,
        fps,
    )


def jaw_gain(speech: Speech, times: np.ndarray) -> np.ndarray:
    """[T] how far the jaw opens at `times`, 1 for this voice's usual vowel.

    By loudness in the voice and in the syllable, and a little by pitch.
    """
    loud = max(speech.prosody.loud(), _SILENT_DB)
    gain = 1 + (speech.prosody.level_at(times) - loud + _HEADROOM_DB) / _SPAN_DB
    gain *= _BETWEEN_SYLLABLES + (_IN_SYLLABLES - _BETWEEN_SYLLABLES) * speech.prosody.swell_at(times)
    return np.clip(gain + 0.02 * speech.prosody.pitch_at(times), _QUIETEST, _LOUDEST)
