"""The lifted avatar of a visitor, and single pictures of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from ..avatars import Avatar
from ..types import Motion
from . import graphs
from .executor import execute
from .graphs import Source
from .sessions import Session

if TYPE_CHECKING:
    from ..live import LiveDriver, LiveTracker

BACKDROP = (32, 36, 40)
_lifting = threading.Lock()
"""Lifting takes all processors: one at a time."""


def lift_cached(session: Session, portrait: Source, model: str = "auto") -> Avatar:
    """Return the avatar of a portrait, from what the session keeps where it was lifted before.

    Raises:
        FaceError: the portrait shows no face.
    """
    graph = graphs.avatar(portrait, model)
    session.canceled.clear()
    with _lifting:
        outputs = execute(graph, session.program(lambda done, total, picture: None), session.results, wanted=["lift"])
    return outputs["lift"][0][0]


def picture_of(avatar: Avatar, motion: Motion, size: int) -> np.ndarray:
    """[size, size, 3] uint8 the first frame of a motion."""
    from ..rendering.compositing import composite

    rgb, alpha = next(iter(avatar.perform(motion).frames(size, size, [0])))
    return composite(rgb, alpha, BACKDROP)


class Live:
    """An avatar that follows a webcam or a microphone."""

    def __init__(self, avatar: Avatar, tracker: LiveTracker) -> None:
        """`tracker` makes a motion of each picture or piece of sound."""
        from ..live import LiveDriver

        self.tracker = tracker
        self._driver: LiveDriver = LiveDriver(avatar, tracker)

    def feed(self, piece: Any, size: int) -> np.ndarray | None:
        """[size, size, 3] uint8 the avatar under what the tracker takes; None where there is no face."""
        from ..rendering.compositing import composite

        performance = self._driver.feed(piece)
        if performance is None:
            return None
        rgb, alpha = next(iter(performance.frames(size, size, [0])))
        return composite(rgb, alpha, BACKDROP)
