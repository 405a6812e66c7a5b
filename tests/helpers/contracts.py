"""What every `Avatar` and every `Performance` keeps, stand-ins included, and the tests' own stand-ins."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gagavatar_nodes.avatars import Avatar, Drawing, Performance
from gagavatar_nodes.choices import MODELS, TRACKERS
from gagavatar_nodes.driving.operations import neutral_motion
from gagavatar_nodes.types import Camera, Gaussians, Motion, Portrait


def check_avatar(avatar: Avatar, portrait: Portrait, folder: Any) -> None:
    """Check that an avatar does what `Avatar` promises, and its performance what `Performance` promises."""
    check_signatures(avatar, Avatar)
    assert avatar.model in MODELS
    assert avatar.tracker in TRACKERS
    assert "auto" not in (avatar.model, avatar.tracker)
    assert len(avatar) > 0
    assert avatar.network is None or callable(avatar.network.release)
    motion = neutral_motion(2, 12.5)
    check_performance(avatar.perform(motion, "auto", in_place=True, seed=1), motion)
    check_performance(avatar.perform(motion), motion)
    square = avatar.frame_portrait(portrait)
    assert square.picture.shape == portrait.picture.shape
    avatar.save(folder / "contract.safetensors")
    assert (folder / "contract.safetensors").stat().st_size > 0


def check_performance(performance: Performance, motion: Motion) -> None:
    """Check that a performance of `motion`, of two frames or more, does what `Performance` promises."""
    check_signatures(performance, Performance)
    assert (len(performance), performance.fps) == (len(motion), motion.fps)
    assert isinstance(performance.camera(0), Camera)
    posed = performance.gaussians(1)
    assert isinstance(posed, Gaussians)
    assert len(posed.means) == len(posed.covariances) == len(posed.opacities) == len(posed.features)
    drawn, chosen = list(performance.frames(48, 32)), list(performance.frames(48, 32, [1], alpha=False))
    for rgb, alpha in drawn + chosen:
        assert (rgb.shape, alpha.shape) == ((32, 48, 3), (32, 48))
        assert rgb.dtype == alpha.dtype == np.float32
    assert (len(drawn), len(chosen)) == (len(motion), 1)
    assert drawn[1][1].max() > 0.3
    following = performance.follow(replace(neutral_motion(1, motion.fps)))
    assert (len(following), following.fps) == (1, motion.fps)


def check_signatures(thing: object, protocol: type) -> None:
    """Check that every method of a protocol is there and takes the protocol's arguments, with the same defaults."""
    for name, wanted in vars(protocol).items():
        if isinstance(wanted, property):
            assert hasattr(thing, name), name
        elif inspect.isfunction(wanted) and name != "__init__" and not name.startswith("_"):
            given = inspect.signature(getattr(thing, name)).parameters
            for key, parameter in list(inspect.signature(wanted).parameters.items())[1:]:
                assert key in given, f"{type(thing).__name__}.{name} does not take {key}"
                assert given[key].default == parameter.default, f"{type(thing).__name__}.{name}: default of {key}"


@dataclass(frozen=True)
class PortraitAsTaken:
    """A performance of one frame: an embedded avatar as its portrait was taken, in every frame."""

    avatar: Any
    fps: float = 25.0
    count: int = 1

    def __len__(self) -> int:
        return self.count

    def follow(self, motion: Motion) -> PortraitAsTaken:
        return PortraitAsTaken(self.avatar, motion.fps, len(motion))

    def gaussians(self, index: int) -> Gaussians:
        return self.avatar.rest()

    def camera(self, index: int) -> Camera:
        return self.avatar.camera()

    def frames(
        self, width: int, height: int, indices: Iterable[int] | None = None, alpha: bool = True
    ) -> Iterator[Drawing]:
        from gagavatar_nodes.rendering.drawing import draw_frames

        chosen = range(self.count) if indices is None else indices
        return draw_frames(((self.gaussians(i), self.camera(i)) for i in chosen), width, height)


class RecordingAvatar:
    """An avatar that counts how often a motion is bound to it."""

    def __init__(self, avatar: Avatar) -> None:
        self._avatar = avatar
        self.bound = 0

    def __len__(self) -> int:
        return len(self._avatar)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._avatar, name)

    def perform(
        self,
        motion: Motion,
        reference: str | int = "auto",
        in_place: bool = False,
        seed: int | None = None,
        pose: str = "auto",
    ) -> Performance:
        self.bound += 1
        return self._avatar.perform(motion, reference, in_place, seed, pose)
