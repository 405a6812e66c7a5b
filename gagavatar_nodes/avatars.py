"""What the embedded avatar and GAGAvatar have in common: lift once, bind a motion, draw its frames."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from .types import Camera, Gaussians, Motion

Drawing = tuple[np.ndarray, np.ndarray]
"""rgb [H, W, 3] float32 multiplied by alpha, and alpha [H, W] float32 0..1."""


class Performance(Protocol):
    """A motion bound to an avatar."""

    def __len__(self) -> int:
        """Frames."""
        ...

    def gaussians(self, index: int) -> Gaussians:
        """The Gaussians of one frame in head units; their first three features are RGB."""
        ...

    def camera(self, index: int) -> Camera:
        """The camera of one frame, for a square image."""
        ...

    def frames(self, width: int, height: int, indices: Iterable[int] | None = None) -> Iterator[Drawing]:
        """Drawings of the frames `indices`, or of all: in order, computed ahead, in constant memory."""
        ...


class Avatar(Protocol):
    """A lifted portrait."""

    model: str
    """"embedded" or "gagavatar"."""

    def perform(self, motion: Motion, reference: str | int = "auto") -> Performance:
        """The motion, fitted to this portrait; see `driving.retarget.Retargeter` for `reference`."""
        ...

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the avatar's file, whole or not at all."""
        ...


def load_avatar(path: str | os.PathLike[str]) -> Avatar:
    """Reads an avatar file of either kind.

    Raises:
        FileFormatError: another kind of file, a newer version, cut off, or damaged.
        MediaError: the file does not exist or cannot be read.
    """
    from .lifting.geometric import file as geometric

    return geometric.load_avatar(path)
