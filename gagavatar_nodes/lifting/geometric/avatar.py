"""The embedded avatar: Gaussians made without a network, driven by landmarks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...driving.retarget import HeadPlacement, Retargeter
from ...rendering.drawing import draw_frames
from ...tracking.topology import LOWER_LIP, UPPER_LIP
from ...types import Camera, Gaussians, Motion, Portrait
from .binding import CONTROLS, LANDMARKS, Handle
from .eyes import eye_widths
from .layer import Layer
from .mouth import mouth_handles, mouth_shade, mouth_visibility
from .posing import Poser
from .stage import Stage

_GAZE_RISE = 0.6  # the lids follow a vertical glance: part of it must not move the iris
_LONGEST_GAZE = 0.3  # eye widths


@dataclass(frozen=True)
class GeometricAvatar:
    """A lifted portrait. `perform` binds a motion to it; `gaussians` poses it for one frame."""

    stage: Stage
    canonical: np.ndarray
    """[478, 3] float32 the portrait's canonical landmarks, centimetres."""
    layer: Layer
    """All splats: front, back, skin, eyes, and the mouth's inside last."""
    mouth_fade: np.ndarray
    """[M, 2] for the last M splats, see `Mouth.fade`."""

    model = "embedded"

    def __len__(self) -> int:
        return len(self.layer)

    def camera(self) -> Camera:
        """The source camera: it stays, the head moves."""
        return self.stage.camera()

    def perform(
        self, motion: Motion, reference: str | int = "auto", in_place: bool = True, seed: int | None = None
    ) -> Performance:
        """The motion, fitted to this portrait; see `Retargeter` for `reference`.

        The head is always in place, and nothing is random.
        """
        return Performance(self, Retargeter(motion, self.canonical, reference))

    def framed(self, portrait: Portrait) -> Portrait:
        """The portrait as it is: its crop is what the source camera sees."""
        return portrait

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the avatar's file; see `save_avatar`."""
        from .file import save_avatar

        save_avatar(self, path)

    def rest(self) -> Gaussians:
        """The portrait as it was taken."""
        still = HeadPlacement(self.stage.rotation, 1.0, np.zeros(3))
        return self.gaussians(np.zeros((LANDMARKS, 3)), np.zeros((2, 2)), still)

    def gaussians(self, displacements: np.ndarray, gaze: np.ndarray, placement: HeadPlacement) -> Gaussians:
        """The Gaussians in one expression and pose.

        Args:
            displacements: [478, 3] offsets of the canonical landmarks, centimetres.
            gaze: [2, 2] offset of the irises in eye widths, x right and y up.
            placement: pose of the head; its shift moves the head over the torso.
        """
        layer, poser = self.layer, self._poser
        moved = poser.points + (poser.weights @ self._controls(displacements, gaze)).T
        positions, covariances = poser.pose(moved, placement)
        features, opacities = layer.colours, layer.opacities
        inside = slice(len(layer) - len(self.mouth_fade), None)
        if len(self.mouth_fade):
            landmarks = self.canonical + displacements
            opening = landmarks[UPPER_LIP, 1] - landmarks[LOWER_LIP, 1]
            features, opacities = features.copy(), opacities.copy()
            features[inside] *= mouth_shade(opening)
            opacities[inside] *= mouth_visibility(moved[:2, inside], self.mouth_fade, landmarks)
        return Gaussians(positions, covariances, opacities, features)

    @cached_property
    def _poser(self) -> Poser:
        return Poser(self.layer, self.stage)

    def _controls(self, displacements: np.ndarray, gaze: np.ndarray) -> np.ndarray:
        controls = np.zeros((CONTROLS, 3), np.float32)
        controls[:LANDMARKS] = displacements
        glance = np.clip(gaze, -_LONGEST_GAZE, _LONGEST_GAZE) * eye_widths(self.canonical)[:, None] * [1, _GAZE_RISE]
        controls[Handle.LEFT_GAZE : Handle.RIGHT_GAZE + 1, :2] = glance
        controls[Handle.UPPER_TEETH :] = mouth_handles(self.canonical, displacements)
        return controls


@dataclass(frozen=True)
class Performance:
    """A motion bound to an avatar: one set of Gaussians a frame."""

    avatar: GeometricAvatar
    retargeter: Retargeter

    def __len__(self) -> int:
        return len(self.retargeter.motion)

    def follow(self, motion: Motion) -> Performance:
        """The same driver's next frames; see `Retargeter.follow`."""
        return Performance(self.avatar, self.retargeter.follow(motion))

    def gaussians(self, index: int) -> Gaussians:
        """The avatar at a frame of the motion."""
        source = self.retargeter
        return self.avatar.gaussians(source.displacements(index), source.gaze(index), source.placement(index))

    def camera(self, index: int) -> Camera:
        """The camera at a frame."""
        return self.avatar.camera()

    def frames(
        self, width: int, height: int, indices: Iterable[int] | None = None, alpha: bool = True
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Drawings of the frames `indices`, or of all; see `draw_frames`. Alpha costs nothing and is always there."""
        chosen = range(len(self)) if indices is None else indices
        return draw_frames(((self.gaussians(i), self.camera(i)) for i in chosen), width, height)
