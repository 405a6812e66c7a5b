"""What the embedded avatar and GAGAvatar have in common: lift once, bind a motion, draw its frames."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .settings import Settings, SettingsKeywords, merge_settings
from .types import Camera, Gaussians, Motion, Portrait

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .export.rig import Rig
    from .export.rig_file import Take

Drawing = tuple[np.ndarray, np.ndarray]
"""rgb [H, W, 3] float32 multiplied by alpha, and alpha [H, W] float32 0..1."""


class Performance(Protocol):
    """A motion bound to an avatar."""

    def __len__(self) -> int:
        """Frames."""
        ...

    @property
    def fps(self) -> float:
        """Frames a second."""
        ...

    def follow(self, motion: Motion) -> Performance:
        """Return the same driver's next frames, under the reference of this motion: for live driving."""
        ...

    def gaussians(self, index: int) -> Gaussians:
        """Return the Gaussians of one frame in head units; their first three features are RGB."""
        ...

    def camera(self, index: int) -> Camera:
        """Return the camera of one frame, for a square image."""
        ...

    def frames(
        self, width: int, height: int, indices: Iterable[int] | None = None, alpha: bool = True
    ) -> Iterator[Drawing]:
        """Drawings of the frames `indices`, or of all: in order, computed ahead, in constant memory.

        Without `alpha`, a model that must work for it leaves the background opaque where it likes: for black ones.
        """
        ...


class ManagedNetwork(Protocol):
    """A network whose memory can be taken back."""

    @property
    def network(self) -> Any:
        """The `torch.nn.Module`."""
        ...

    def release(self) -> None:
        """Give back what was made for drawing, and leave the network to whoever moves it."""
        ...


class Avatar(Protocol):
    """A lifted portrait."""

    @property
    def model(self) -> str:
        """Name of the model that made it: "embedded" or "gagavatar"."""
        ...

    @property
    def tracker(self) -> str:
        """The tracker whose motions suit it: one of `choices.TRACKERS` other than "auto"."""
        ...

    def __len__(self) -> int:
        """Gaussians."""
        ...

    def perform(
        self,
        motion: Motion,
        reference: str | int = "auto",
        in_place: bool = False,
        seed: int | None = None,
        pose: str = "auto",
    ) -> Performance:
        """Return the motion, fitted to this portrait.

        Args:
            motion: the driver's.
            reference: see `driving.retarget.Retargeter`.
            in_place: the head keeps the portrait's place, as stitching needs it, even where the model would take the
                driver's camera.
            seed: of noise that the model draws anew for each frame; None for its own, which is the same in every
                frame. The embedded avatar has none.
            pose: one of `choices.POSES`, for the embedded avatar; GAGAvatar is always absolute.
        """
        ...

    @property
    def network(self) -> ManagedNetwork | None:
        """The network that draws it, for whoever manages memory; None where there is none.

        Raises:
            WeightsError: its file is missing, truncated or changed.
        """
        ...

    def frame_portrait(self, portrait: Portrait) -> Portrait:
        """Return the portrait that was lifted with the crop that square drawings of this avatar show."""
        ...

    def rig(self) -> Rig:
        """Return what other programs need to move it without this one: the living file.

        Raises:
            GagavatarError: a network draws it, which no rig can stand for.
        """
        ...

    def take(self, motion: Motion, name: str = "") -> Take:
        """Return a motion as the avatar's rig plays it; a name other than the motion's source may be given.

        Raises:
            GagavatarError: as `rig`.
        """
        ...

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the avatar's file, whole or not at all."""
        ...


def load_avatar(
    path: str | os.PathLike[str], settings: Settings | None = None, **keywords: Unpack[SettingsKeywords]
) -> Avatar:
    """Read an avatar file of either kind.

    Args:
        path: from `Avatar.save`.
        settings: of the published model.
        keywords: the same one by one, see `Settings`.

    Raises:
        FileFormatError: another kind of file, a newer version, cut off, or damaged.
        MediaError: the file does not exist or cannot be read.
        WeightsError: the avatar is the published model's, and a file that it needs is missing.
        GagavatarError: it is the published model's, and there is no PyTorch or no such device.
    """
    from .tensor_file import format_name

    if format_name(path) == "gagavatar.lifted":
        from .lifting.gagavatar.avatar import load_avatar
        from .lifting.gagavatar.models import get_models

        return load_avatar(path, get_models(merge_settings(settings, keywords)))
    from .lifting.embedded import EmbeddedAvatar

    return EmbeddedAvatar.load(path)
