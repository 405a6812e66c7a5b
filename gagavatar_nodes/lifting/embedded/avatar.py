"""The embedded avatar: Gaussians made without a network, driven by landmarks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...choices import SUITED_TRACKER
from ...driving.retarget import HeadPlacement, Retargeter
from ...export.rig import Rig, Shape, mouth_light
from ...export.rig_file import Take
from ...face.arkit import gaze_of
from ...face.topology import LOWER_LIP, UPPER_LIP, eye_widths
from ...rendering.drawing import draw_frames
from ...types import Camera, Gaussians, Motion, Portrait
from .binding import CONTROLS, LANDMARKS, Handle
from .eyes import ball_depth
from .file import AvatarParts, read_parts, write_parts
from .lids import lid_handles
from .mouth import mouth_handles, mouth_visibility
from .posing import Poser

_GAZE_CENTER, _LONGEST_GAZE = np.array([0, 0.07]), np.array([0.18, 0.2])  # eye widths, from the eye's middle


@dataclass(frozen=True)
class EmbeddedAvatar(AvatarParts):
    """A lifted portrait. `perform` binds a motion to it; `gaussians` poses it for one frame."""

    model = "embedded"
    tracker = SUITED_TRACKER[model]

    def __len__(self) -> int:
        return len(self.layer)

    def camera(self) -> Camera:
        """Return the source camera: it stays, the head moves."""
        return self.stage.camera()

    def perform(
        self,
        motion: Motion,
        reference: str | int = "auto",
        in_place: bool = False,
        seed: int | None = None,
        pose: str = "auto",
    ) -> EmbeddedPerformance:
        """Return the motion, fitted to this portrait; see `Retargeter` for `reference` and `pose`.

        The head is always in place, and nothing is random.
        """
        return EmbeddedPerformance(self, Retargeter(motion, self.canonical, reference, self.stage.rotation, pose))

    @property
    def network(self) -> None:
        """There is none."""
        return None

    def frame_portrait(self, portrait: Portrait) -> Portrait:
        """Return the portrait as it is: its crop is what the source camera sees."""
        return portrait

    @cached_property
    def rig_shapes(self) -> tuple[Shape, ...]:
        """What ARKit weights do to the controls; see `rigging.rig_shapes`."""
        from .rigging import rig_shapes

        return tuple(rig_shapes(self))

    def rig(self) -> Rig:
        """Return what other programs need to move it; see `rigging.rig_of`."""
        from .rigging import rig_of

        return rig_of(self)

    def take(self, motion: Motion, name: str = "") -> Take:
        """Return a motion as the rig plays it; see `rigging.take_of`."""
        from .rigging import take_of

        return take_of(self, self.perform(motion).retargeter, name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the avatar's file; see `file.write_parts`."""
        write_parts(path, self)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> EmbeddedAvatar:
        """Read what `save` wrote; see `file.read_parts` for what is raised."""
        parts = read_parts(path)
        return EmbeddedAvatar(parts.stage, parts.canonical, parts.layer, parts.mouth_fade)

    def rest(self) -> Gaussians:
        """Return the portrait as it was taken."""
        return self.gaussians(np.zeros((LANDMARKS, 3)), np.zeros((2, 2)), self._still)

    def gaussians(self, displacements: np.ndarray, gaze: np.ndarray, placement: HeadPlacement) -> Gaussians:
        """Return the Gaussians in one expression and pose.

        Args:
            displacements: [478, 3] offsets of the canonical landmarks, centimeters, as the landmark model has them:
                without perspective.
            gaze: [2, 2] offset of the irises in eye widths, x right and y up.
            placement: pose of the head; its shift moves the head over the torso.
        """
        layer, poser = self.layer, self.poser
        displacements = displacements + self.stage.foreshortening(self.canonical + displacements, placement)
        displacements -= self._own_foreshortening
        moved = poser.points + (poser.weights @ self.controls(displacements, gaze)).T
        positions, covariances, shown = poser.pose(moved, placement)
        landmarks = self.canonical + displacements
        opacities = layer.opacities * shown
        opacities[self.inside] *= mouth_visibility(moved[:2, self.inside], self.mouth_fade, landmarks)
        features = layer.colors.copy()
        features[self.inside] *= np.float32(mouth_light(self.opening(displacements)))
        return Gaussians(positions, covariances, opacities, features)

    @property
    def inside(self) -> slice:
        """The splats of the mouth's inside."""
        return slice(len(self.layer) - len(self.mouth_fade), None)

    def opening(self, displacements: np.ndarray | float = 0.0) -> float:
        """Centimeters between the inner lips, the landmarks displaced by [478, 3]."""
        landmarks = self.canonical + displacements
        return float(landmarks[UPPER_LIP, 1] - landmarks[LOWER_LIP, 1])

    def shade(self, opening: float) -> np.ndarray:
        """[N] light on each splat: little falls into the mouth where it is hardly open."""
        light = np.ones(len(self.layer), np.float32)
        light[self.inside] = mouth_light(opening)
        return light

    @property
    def _still(self) -> HeadPlacement:
        """The head as it was taken."""
        return HeadPlacement(self.stage.rotation, 1.0, np.zeros(3))

    @cached_property
    def _own_foreshortening(self) -> np.ndarray:
        """[478, 3] what lies in the lifted portrait already."""
        return self.stage.foreshortening(self.canonical, self._still)

    @cached_property
    def poser(self) -> Poser:
        """What posing needs, prepared once."""
        return Poser(self.layer, self.stage)

    @cached_property
    def gaze_range(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """[2, 2] each: the irises' own places in eye widths, and the least and the greatest that they may take.

        Eyes that look aside in the portrait must not roll out of sight, nor the iris sink into the ball.
        """
        own = gaze_of(self.canonical)
        low, high = _GAZE_CENTER - _LONGEST_GAZE, _GAZE_CENTER + _LONGEST_GAZE
        return own, np.minimum(own, low), np.maximum(own, high)

    def controls(self, displacements: np.ndarray, gaze: np.ndarray) -> np.ndarray:
        """[CONTROLS, 3] float32 displacements of all that splats are bound to, of the arguments of `gaussians`."""
        controls = np.zeros((CONTROLS, 3), np.float32)
        controls[:LANDMARKS] = displacements
        (own, low, high), widths = self.gaze_range, eye_widths(self.canonical)
        seen = np.clip(own + gaze, low, high)
        eyes = slice(Handle.LEFT_GAZE, Handle.RIGHT_GAZE + 1)
        glance = np.column_stack([(seen - own) * widths[:, None], np.zeros(2)])
        glance = glance @ self.stage.rotation.T  # the balls face the source camera, not the front
        glance[:, 2] = (ball_depth(own) - ball_depth(seen)) * widths
        controls[eyes] = glance @ self.stage.rotation
        controls[Handle.UPPER_TEETH : Handle.LEFT_LID] = mouth_handles(self.canonical, displacements)
        controls[Handle.LEFT_LID :] = lid_handles(self.canonical, displacements)[:, None] * self.stage.rotation[2]
        return controls


@dataclass(frozen=True)
class EmbeddedPerformance:
    """A motion bound to an avatar: one set of Gaussians a frame."""

    avatar: EmbeddedAvatar
    retargeter: Retargeter

    def __len__(self) -> int:
        return len(self.retargeter.motion)

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.retargeter.motion.fps

    def follow(self, motion: Motion) -> EmbeddedPerformance:
        """Return the same driver's next frames; see `Retargeter.follow`."""
        return EmbeddedPerformance(self.avatar, self.retargeter.follow(motion))

    def gaussians(self, index: int) -> Gaussians:
        """Return the avatar at a frame of the motion."""
        source = self.retargeter
        return self.avatar.gaussians(source.displacements(index), source.gaze(index), source.placement(index))

    def camera(self, index: int) -> Camera:
        """Return the camera at a frame."""
        return self.avatar.camera()

    def frames(
        self, width: int, height: int, indices: Iterable[int] | None = None, alpha: bool = True
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Drawings of the frames `indices`, or of all; see `draw_frames`. Alpha costs nothing and is always there."""
        chosen = range(len(self)) if indices is None else indices
        return draw_frames(((self.gaussians(i), self.camera(i)) for i in chosen), width, height)
