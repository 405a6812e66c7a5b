"""An avatar driven by frames as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .types import Motion

if TYPE_CHECKING:
    from .avatars import Avatar, Performance


class LiveTracker(Protocol):
    """What follows a face or a voice piece by piece: `tracking.live.LiveTracker`, `speech.live.LiveVoice`."""

    neutral_version: int
    """Counts the changes of the neutral face."""

    @property
    def rest(self) -> Motion:
        """One frame of the neutral face."""
        ...

    def feed(self, piece: Any) -> Motion | None:
        """Return the motion of one frame of the next picture [H, W, 3] uint8, or piece of sound.

        None without a face.
        """
        ...


class LiveDriver:
    """Binds an avatar to a live tracker, and anew whenever the tracker's neutral face changes."""

    def __init__(self, avatar: Avatar, tracker: LiveTracker) -> None:
        self._avatar, self._tracker = avatar, tracker
        self._rest: Performance | None = None
        self._version = 0

    def feed(self, piece: Any) -> Performance | None:
        """Return the avatar under the tracker's next piece: a performance of one frame, or None without a face."""
        motion = self._tracker.feed(piece)
        if motion is None:
            return None
        if self._rest is None or self._version != self._tracker.neutral_version:
            self._rest = self._avatar.perform(self._tracker.rest, "neutral")
            self._version = self._tracker.neutral_version
        return self._rest.follow(motion)
