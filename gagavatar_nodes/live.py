"""An avatar driven by frames as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from .types import Motion

if TYPE_CHECKING:
    from .avatars import Avatar, Performance


class LiveTracker(Protocol):
    """What follows a face picture by picture, such as `tracking.live.LiveTracker`."""

    neutral_version: int
    """Counts the changes of the neutral face."""

    @property
    def rest(self) -> Motion:
        """One frame of the neutral face."""
        ...

    def feed(self, image: np.ndarray) -> Motion | None:
        """The next picture's motion of one frame, or None without a face."""
        ...


class LiveDriver:
    """Binds an avatar to a live tracker, and anew whenever the tracker's neutral face changes."""

    def __init__(self, avatar: Avatar, tracker: LiveTracker) -> None:
        self._avatar, self._tracker = avatar, tracker
        self._rest: Performance | None = None
        self._version = 0

    def feed(self, image: np.ndarray) -> Performance | None:
        """The avatar under the next picture [H, W, 3] uint8 RGB: a performance of one frame, or None without a face."""
        motion = self._tracker.feed(image)
        if motion is None:
            return None
        if self._rest is None or self._version != self._tracker.neutral_version:
            self._rest = self._avatar.perform(self._tracker.rest, "neutral")
            self._version = self._tracker.neutral_version
        return self._rest.follow(motion)
