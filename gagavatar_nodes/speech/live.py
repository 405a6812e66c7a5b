"""A voice as it comes: a moment of sound in, the face of a fifth of a second ago out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..driving.operations import neutral_motion
from ..driving.performing import add_blink, add_gaze, blink, perform_weights
from ..driving.pose import rotation_of
from ..types import Motion
from .analysis import Speech, sharpen_closures
from .articulation import articulate
from .embedded import jaw_gain
from .gestures import BLINK_SECONDS, IDLE_DEGREES, WANDER_DEGREES, bump, glances, smooth_noise
from .manner import Manner
from .network import RATE, phone_network
from .phones import Phone
from .prosody import STEP_SECONDS, Prosody, ProsodyStream, join_levels
from .recognizer import class_probabilities, decode

DELAY_SECONDS = 0.18
"""How far the face is behind the sound: a phone is recognized some 0.1 s after it begins."""

_WINDOW = 2.0  # seconds that the network hears at a time
_REMEMBERED = 6.0  # seconds of loudness, from which this voice's usual one is known
_WAKING = 0.3  # seconds in which the head begins to move with speech, or comes to rest
_BETWEEN_NODS, _NOD_DEGREES, _NOD_DB = 0.9, 2.4, 3.0
_SETTLING = 0.25  # seconds at a window's beginning whose phones are taken from an earlier one
_PAST = 20  # phones that are remembered


class LiveVoice:
    """Hears a voice piece by piece; every piece becomes a motion of one frame.

    What it takes of a driver, `live.LiveDriver` takes of it: `feed`, `rest` and `neutral_version`.
    """

    neutral_version = 1

    def __init__(self, fps: float = 12.5, manner: Manner | None = None) -> None:
        """`fps` about as many pieces a second as will be fed.

        Raises:
            FileFormatError: the recognizer's weights cannot be read.
        """
        self._fps, self._manner = fps, manner or Manner()
        self._network = phone_network()
        self._resampler: tuple[int, Any] | None = None
        self._window = np.zeros(0, np.float32)
        self._stream, self._prosody = ProsodyStream(), join_levels([])
        self._seconds = 0.0
        self._phones: list[Phone] = []
        self._active, self._nods, self._next_blink = 0.0, [-9.0], 1.0
        self._random = np.random.default_rng(self._manner.seed)
        self._then = 0.0

    @property
    def rest(self) -> Motion:
        """One frame of the face at rest."""
        return neutral_motion(1, self._fps)

    def feed(self, sound: tuple[int, np.ndarray]) -> Motion:
        """Return the face at `DELAY_SECONDS` before the end of what was heard so far.

        Args:
            sound: samples a second, and the samples [N] or [N, C] that follow those before, integers or -1..1.
        """
        self._hear(*sound)
        now = max(0.0, self._seconds - DELAY_SECONDS)
        speech = self._listen()
        times = np.array([min(self._then, now - 0.5 / self._fps), now])
        weights = articulate(speech.phones, times, jaw_gain(speech, times), self._manner.mouth)[1:]
        head, gaze = self._head(speech, now)
        add_gaze(weights, gaze)
        add_blink(weights, self._blink(now))
        self._then = now
        yaw, pitch, roll = np.radians(head)
        motion = perform_weights(
            np.clip(weights, 0, 1).astype(np.float32), rotation_of(yaw, pitch, roll)[None], np.zeros((1, 3)), self._fps
        )
        return replace(motion, source="live voice")

    def _hear(self, rate: int, samples: np.ndarray) -> None:
        import av

        values = np.asarray(samples)
        if not len(values):
            return
        full = np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.integer) else 1.0
        mono = np.nan_to_num(values.reshape(len(values), -1).mean(1) / full).astype(np.float32)
        if self._resampler is None or self._resampler[0] != rate:
            self._resampler = rate, av.AudioResampler("fltp", "mono", RATE)
        frame = av.AudioFrame.from_ndarray(mono[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        new = [part.to_ndarray()[0] for part in self._resampler[1].resample(frame)]
        self._remember(np.concatenate([np.zeros(0, np.float32), *new]))

    def _remember(self, samples: np.ndarray) -> None:
        self._window = np.concatenate([self._window, samples])[-round(_WINDOW * RATE) :]
        self._seconds += len(samples) / RATE
        kept, rows = join_levels([self._prosody, self._stream.feed(samples)]), round(_REMEMBERED / STEP_SECONDS)
        start = self._prosody.start + max(0, len(kept) - rows) * STEP_SECONDS
        self._prosody = Prosody(kept.level[-rows:], kept.pitch[-rows:], start)

    def _listen(self) -> Speech:
        """Return what was said lately, in seconds since the beginning."""
        begin = self._seconds - len(self._window) / RATE
        found = decode(class_probabilities(self._network, self._window), begin) if len(self._window) else []
        kept = [phone for phone in self._phones if phone.start < begin + _SETTLING]
        last = kept[-1].start if kept else -1.0
        fresh = [phone for phone in found if phone.start > max(last, begin)]
        self._phones = kept[-_PAST:] + sharpen_closures(fresh, self._prosody)
        return Speech(self._phones, self._prosody, self._seconds)

    def _head(self, speech: Speech, now: float) -> tuple[np.ndarray, np.ndarray]:
        """Degrees [3] of the head, and gaze [1, 2]."""
        speaking = any(phone.start - 0.1 < now < phone.end + 0.25 for phone in speech.phones)
        share = 1 - np.exp(-max(now - self._then, 0) / _WAKING)
        self._active += share * (float(speaking) - self._active)
        noise = smooth_noise(np.array([now]), self._manner.seed)[0]
        head = noise * (WANDER_DEGREES * self._active + IDLE_DEGREES * (1 - self._active))
        level = speech.prosody.level_at(np.array([now]))[0]
        if speaking and now - self._nods[-1] > _BETWEEN_NODS and level > speech.prosody.loud() - _NOD_DB:
            self._nods = [*self._nods[-2:], now + 0.12]
        head[1] += _NOD_DEGREES * float(sum(bump(np.array([now - at]), 0.12, 0.28)[0] for at in self._nods))
        gaze = glances(np.array([now]), self._manner.seed) * self._manner.gaze
        return head * self._manner.head, gaze

    def _blink(self, now: float) -> np.ndarray:
        """[1] lids."""
        if self._manner.blinks == 0:
            return np.zeros(1)
        if now > self._next_blink + 0.4:
            median = BLINK_SECONDS[self._active > 0.5] / self._manner.blinks
            self._next_blink = now + median * float(np.exp(0.5 * self._random.normal()))
        return blink(np.array([now - self._next_blink]), self._fps)
