"""Tracking frame by frame, for webcams."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from ..errors import FaceError
from ..face.arkit import fit_arkit
from ..face.bundled_face import bundled_neutral
from ..face.neutral import resting_face
from ..types import AUTHORED_NEUTRAL, Motion
from .faces import FaceChoice
from .mouth import mouth_is_seen, rest_lower_face
from .recorder import head_motion
from .smoothing import DEFAULT_STRENGTH
from .video_tracker import TrackedFrame, VideoTracker

_REST_SECONDS = 0.5
"""Of the past, from which the neutral face is taken."""
_FEWEST = 3
"""Frames with a face that the neutral is taken from."""

_Frame = tuple[np.ndarray, ...]
"""What `head_motion` says of one frame, each [1, ...], and the face score [1]."""


class LiveFace:
    """One face, frame by frame: its neutral, and motions of one frame measured from it.

    The first frame's neutral face is a guess. After half a second of seeing the face it is replaced by the calmest of
    those frames, and at any time by `reset_neutral`. `neutral_version` counts the changes: what was bound to an earlier
    neutral is to be bound to `rest` again.
    """

    def __init__(self, fps: float = 30.0) -> None:
        """`fps` about as many frames a second as will be fed."""
        self._fps = fps
        self._recent: deque[_Frame | None] = deque(maxlen=max(_FEWEST, round(_REST_SECONDS * fps)))
        self._seen = 0
        self._mouth: np.ndarray | None = None  # offsets of the last frame that showed it
        self._without_mouth = 0
        self._rest: Motion | None = None
        self._neutral = bundled_neutral()
        self._extra: dict[str, str] = {}
        self.neutral_version = 0

    @property
    def rest(self) -> Motion:
        """The frames from which the neutral face was taken, measured from it.

        Raises:
            FaceError: no face has been seen yet.
        """
        if self._rest is None:
            raise _no_face()
        return self._rest

    def reset_neutral(self) -> None:
        """Take the face of the last half second, a blink left out, as the neutral one.

        Raises:
            FaceError: there was hardly a face in it; everything stays as it was.
        """
        frames = self._visible()
        if len(frames) < _FEWEST:
            raise _no_face()
        self._extra = {"neutral": AUTHORED_NEUTRAL}
        self._set_neutral(bundled_neutral() + np.median(_offsets(frames), axis=0), frames)

    def _take(self, tracked: TrackedFrame | None, picture: tuple[int, ...]) -> Motion | None:
        if tracked is None:
            self._recent.append(None)
            return None
        *head, offsets = head_motion(tracked.points[None], np.array([picture]))
        offsets = self._with_mouth(offsets, mouth_is_seen(tracked.points, picture))
        frame = (*head, offsets, np.array([max(tracked.score, 1e-3)], np.float32))
        self._recent.append(frame)
        self._settle()
        return self._motion([frame])

    def _with_mouth(self, offsets: np.ndarray, seen: bool) -> np.ndarray:
        """Return the offsets [1, 478, 3]; a mouth outside of the picture is held and comes to rest."""
        if seen:
            self._mouth, self._without_mouth = offsets, 0
            return offsets
        self._without_mouth += 1
        rest = self._neutral - bundled_neutral()
        held = rest if self._mouth is None else self._mouth
        deltas = rest_lower_face(offsets - rest, held - rest, self._without_mouth / self._fps)
        return (rest + deltas).astype(offsets.dtype)

    def _settle(self) -> None:
        """Take the neutral from the first frame, and again when the first half second has been seen."""
        self._seen += 1
        frames = self._visible()
        if self._rest is None or (self._seen == self._recent.maxlen and self.neutral_version == 1):
            self._set_neutral(resting_face(_offsets(frames)), frames)

    def _set_neutral(self, neutral: np.ndarray, frames: list[_Frame]) -> None:
        self._neutral = neutral
        self._rest = self._motion(frames)
        self.neutral_version += 1

    def _visible(self) -> list[_Frame]:
        return [frame for frame in self._recent if frame is not None]

    def _motion(self, frames: list[_Frame]) -> Motion:
        scale, rotation, translation, gaze, offsets, score = (np.concatenate(a) for a in zip(*frames, strict=True))
        deltas = (bundled_neutral() + offsets - self._neutral).astype(np.float16)
        return Motion(
            fps=self._fps,
            rotation=rotation,
            translation=translation,
            scale=scale,
            neutral=self._neutral.astype(np.float32),
            deltas=deltas,
            arkit=fit_arkit(deltas),
            gaze=gaze,
            confidence=score,
            source="live",
            extra=self._extra,
        )


class LiveTracker(LiveFace):
    """Follows one face; every fed picture becomes a motion of one frame, without delay."""

    def __init__(self, fps: float = 30.0, smoothing: float = DEFAULT_STRENGTH, face: FaceChoice = None) -> None:
        """See `LiveFace`; the others as for `VideoTracker`."""
        super().__init__(fps)
        self._tracker = VideoTracker(fps, smoothing, face, faithful=False)
        self.last_latency_ms = 0.0
        """Milliseconds that the last call of `feed` took."""

    def feed(self, image: np.ndarray) -> Motion | None:
        """The motion of the next picture [H, W, 3] uint8 RGB, one frame, or None where the face is not to be seen.

        Raises:
            FaceError: `face` is an index or a point at which the first picture with faces has none.
        """
        start = time.perf_counter()
        motion = self._take(self._tracker.feed(image), image.shape[:2])
        self.last_latency_ms = (time.perf_counter() - start) * 1e3
        return motion


class LiveLandmarks(LiveFace):
    """Takes landmarks that were found elsewhere, such as in a browser: no picture comes here."""

    def feed(self, found: tuple[np.ndarray, tuple[int, int]]) -> Motion | None:
        """The motion of the next landmarks [478, 3] in pixels of a picture of that height and width."""
        points, picture = found
        return self._take(TrackedFrame(points, 1.0), picture)


def _offsets(frames: list[_Frame]) -> np.ndarray:
    return np.concatenate([frame[4] for frame in frames]).astype(np.float32)


def _no_face() -> FaceError:
    return FaceError(
        "There was no face in the last half second to take the neutral from: look into the camera, keep a calm face, "
        "and try again."
    )
