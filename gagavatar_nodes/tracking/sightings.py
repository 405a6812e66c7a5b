"""Where a face was seen in the frames of a video, before any smoothing: what need not be looked for twice."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..recent import Recent
from .video_tracker import TrackedFrame, VideoTracker

_MOST_FRAMES = 20_000
"""Of one video, and of all that are kept: 6 KB each."""


@dataclass(frozen=True)
class Sighting:
    """What was seen in one frame."""

    face: TrackedFrame | None
    """None where the face was not to be seen."""
    stranger: bool = False
    """See `VideoTracker.stranger`."""
    faded: int = 0
    """See `VideoTracker.faded`."""

    @staticmethod
    def by(tracker: VideoTracker, image: np.ndarray) -> Sighting:
        """Feed the next frame to a tracker."""
        face = tracker.feed(image)
        return Sighting(face, tracker.stranger, tracker.faded)


class Sightings:
    """The face in each frame of one video, as it is tracked with other settings after it was seen once."""

    def __init__(self) -> None:
        self.frames: list[Sighting] = []
        """Unsmoothed."""
        self.shape: tuple[int, ...] = ()
        """Of the pictures."""
        self.complete = False
        """Whether all frames of the video are here."""
        self.tracker: VideoTracker | None = None
        """What saw the last frame, and can go on from there."""
        self.looks: dict[int, Any] = {}
        """By frame, what another network makes of the face; see `look_with`."""
        self._network: Hashable = None
        self._look: Callable[[np.ndarray, np.ndarray], Any] | None = None
        self._fits = True

    def look_with(self, network: Hashable, look: Callable[[np.ndarray, np.ndarray], Any]) -> None:
        """Have each frame that shows the face seen by a network, too: `look` gets the picture and its raw landmarks.

        What it gives is kept in `looks`, for as long as `network` is the same.
        """
        if network != self._network:
            self.looks.clear()
        self._network, self._look = network, look

    @property
    def wants_pictures(self) -> bool:
        """Whether there are frames that the network has not seen."""
        return self._look is not None and any(
            seen.face is not None and index not in self.looks for index, seen in enumerate(self.frames)
        )

    def look_at(self, index: int, image: np.ndarray, seen: Sighting) -> None:
        """Show a frame to the network."""
        if self._look is not None and seen.face is not None and index not in self.looks:
            self.looks[index] = self._look(image, seen.face.points)

    def add(self, seen: Sighting, shape: tuple[int, ...]) -> None:
        """Take the next frame; a video that is too long is forgotten."""
        self._fits &= len(self.frames) < _MOST_FRAMES
        if not self._fits:
            self.frames.clear()
            return
        face = seen.face
        kept = None if face is None else replace(face, points=face.points.astype(np.float32))
        self.frames.append(replace(seen, face=kept))
        self.shape = shape

    def to_be_continued(self) -> Sightings:
        """Return the same, for a video that goes on: the frames that come next are seen behind these."""
        longer = Sightings()
        longer.frames, longer.shape, longer.tracker = list(self.frames), self.shape, self.tracker
        longer.looks, longer._network = dict(self.looks), self._network
        return longer

    def finish(self) -> None:
        """Tell that there are no more frames."""
        self.complete = self._fits


class SightingsMemory:
    """The sightings of the last videos, by what they were looked for in."""

    def __init__(self) -> None:
        self._kept: Recent[Hashable, Sightings] = Recent(_MOST_FRAMES, lambda one: len(one.frames))

    def of(self, key: Hashable) -> Sightings:
        """Return what is known under `key`, to be filled where it is new."""
        found = self._kept.get(key)
        return self._kept.put(key, found if found is not None and found.complete else Sightings())
