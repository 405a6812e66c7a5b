"""The face inside the node Expression: what it is drawn of, kept on the server for as long as sliders are moved."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..avatars import Avatar
from ..driving.posing import PARTS, Borrowed, pose_face
from ..recent import Recent
from ..types import Motion

MOST_FACES = 4
"""Kept at a time; about 10 MB each."""
_MOST_FRAMES = 1000
"""Of a motion that a single picture is measured by: what follows them changes a reference, not a face."""


@dataclass(frozen=True)
class Sitter:
    """All that a picture is made of but the sliders."""

    avatar: Avatar
    motion: Motion | None
    """What the face is added to; None for a face at rest."""
    photo: Motion | None
    """Whose expression is borrowed."""

    def draw(self, values: Mapping[str, Any], size: int) -> np.ndarray:
        """[size, size, 3] uint8 the first frame, with the node's `values` by name of input."""
        from ..driving.operations import neutral_motion
        from ..driving.timeline import take
        from ..media.backgrounds import parse_color
        from ..rendering.compositing import composite
        from .performing import perform

        base = neutral_motion() if self.motion is None else self.motion
        if len(base) > _MOST_FRAMES:
            base = take(base, np.arange(_MOST_FRAMES))
        moved = pose(base, values, self.photo)
        performance = perform(self.avatar, moved, "auto", True, False, 0, "auto")
        rgb, alpha = next(iter(performance.frames(size, size, [0])))
        return composite(rgb, alpha, parse_color(values["background_color"]))

    def is_same(self, other: Sitter) -> bool:
        """Whether both make the same pictures."""
        return self.avatar is other.avatar and self.motion is other.motion and _alike(self.photo, other.photo)


def pose(base: Motion, values: Mapping[str, Any], photo: Motion | None) -> Motion:
    """Return a motion with the face that the node's `values` make."""
    borrowed = None
    if photo is not None:
        parts = [part for part in PARTS if values[f"photo_{part}"]]
        borrowed = Borrowed(photo, values["photo_strength"], parts)
    return pose_face(base, values, values["emotion"], values["emotion_strength"], borrowed)


class FaceMemory:
    """The last sitters, by keys that cannot be guessed."""

    def __init__(self, most: int = MOST_FACES) -> None:
        self._sitters: Recent[str, Sitter] = Recent(most)
        self._lock = threading.Lock()

    def keep(self, sitter: Sitter) -> str:
        """Return the key of a sitter, which stays until `most` others came after it."""
        with self._lock:
            key = next((key for key, one in self._sitters.items() if one.is_same(sitter)), secrets.token_urlsafe(12))
            self._sitters.put(key, sitter)
            return key

    def find(self, key: str) -> Sitter | None:
        """Return a sitter that is still there."""
        with self._lock:
            return self._sitters.get(key)


memory = FaceMemory()


def _alike(one: Motion | None, other: Motion | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one.deltas, other.deltas) and np.array_equal(one.rotation, other.rotation)
