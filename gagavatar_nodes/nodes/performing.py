"""What the rendering nodes share: an avatar bound to a motion, and what stands behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..avatars import Avatar, Drawing, Performance
from ..errors import GagavatarError
from ..media.backgrounds import Background, ColorBackground, parse_color
from ..types import Camera, Gaussians, Motion
from . import spec, tensors
from .models import manage


def perform(
    avatar: Avatar,
    motion: Motion,
    reference: str | int,
    refine: bool,
    in_place: bool,
    seed: int,
    pose: str,
    first: Performance | None = None,
) -> Performance:
    """Return the motion, bound to the avatar, whose network ComfyUI now manages if it has one.

    `seed` as `seed_input` says; `first` is the performance that this one goes on.
    """
    if avatar.network is not None:
        manage(avatar.network)
    if first is not None:
        return first.follow(motion)
    performance = avatar.perform(motion, reference, in_place, seed or None, pose)
    return performance if refine else CoarsePerformance(performance)


@dataclass(frozen=True)
class CoarsePerformance:
    """A performance whose Gaussians are drawn in their own colors, without the network that refines them."""

    refined: Performance

    def __len__(self) -> int:
        return len(self.refined)

    @property
    def fps(self) -> float:
        """See `Performance`."""
        return self.refined.fps

    def follow(self, motion: Motion) -> CoarsePerformance:
        """See `Performance`."""
        return CoarsePerformance(self.refined.follow(motion))

    def gaussians(self, index: int) -> Gaussians:
        """See `Performance`."""
        return self.refined.gaussians(index)

    def camera(self, index: int) -> Camera:
        """See `Performance`."""
        return self.refined.camera(index)

    def frames(
        self, width: int, height: int, indices: Iterable[int] | None = None, alpha: bool = True
    ) -> Iterator[Drawing]:
        """See `Performance`; alpha costs nothing and is always there."""
        from ..rendering.drawing import draw_frames

        chosen = range(len(self)) if indices is None else indices
        return draw_frames(((self.gaussians(i), self.camera(i)) for i in chosen), width, height)


def seed_input() -> spec.Spec:
    """Return what `perform` takes as its seed."""
    return spec.seed(
        "0 is the noise that GAGAvatar's checkpoint stores, which is still. Another number draws fresh noise in each "
        "frame, as the published program does. Not used by embedded."
    )


def choose_background(kind: str, color: str, images: tensors.Batch | None) -> Background:
    """Return what stands behind the head: a connected picture, whatever `kind` is.

    Raises:
        GagavatarError: the color is none, or no picture is connected.
    """
    if images is not None:
        return tensors.ImageBackground(images)
    if kind == "transparent":
        return ColorBackground(None)
    if kind == "image":
        raise GagavatarError("The background is 'image', but none is connected: connect 'background_image'")
    rgb = parse_color(color)
    if rgb is None:
        raise GagavatarError(f"'{color}' is no color: give #rrggbb, or a name such as black, white or green")
    return ColorBackground(rgb)
