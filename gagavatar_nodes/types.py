"""The values that flow from room to room: frozen dataclasses of arrays.

Spaces
    picture   pixels of the user's picture, x right, y down, pixel centers at integers
    crop      pixels of the square portrait crop, likewise
    canonical the landmark model's face, centimeters: x to the right of a frontal picture, y up, z to the viewer
    head      the directions of canonical in FLAME's unit, meters x 5: a centimeter is 0.05 (`HEAD_UNITS_PER_CM`)
    view      of a camera: x left, y up, z away from the camera, head units

Arrays are numpy unless said otherwise. `Gaussians` may also hold torch tensors on any device; rasterizers return what
they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A NumPy array, or a tensor of PyTorch: all of one call are of one kind, which a union of the two would not say."""

HEAD_UNITS_PER_CM = 0.05
FOCAL = 12.0
"""Focal length of the published model, in half-widths of the image."""

ARKIT_NAMES = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 ARKit blendshapes, in the order of `Motion.arkit`. Left and right are the subject's."""
FRONTAL_ROTATION = np.diag([-1.0, 1.0, -1.0])
"""[3, 3] the rotation of a camera that a head looks into: the view's x and z run against the head's."""


Progress = Callable[[int, "int | None"], None]
"""Called with what is done (frames, bytes) and how much there is, if that is known."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with its principal point at the image center and square pixels."""

    transform: np.ndarray
    """[3, 4] world-to-view `[R | t]` for row vectors: `p_view = p @ R + t`."""
    focal: float = FOCAL
    """Focal length in half-widths: `focal * width / 2` pixels."""

    @staticmethod
    def frontal(distance: float, focal: float = FOCAL) -> Camera:
        """Camera on the +z axis at `distance` head units, looking at the origin."""
        return Camera(np.concatenate([FRONTAL_ROTATION, [[0.0], [0.0], [distance]]], axis=1).astype(np.float32), focal)


@dataclass(frozen=True)
class Gaussians:
    """3D Gaussians in world space, ready to be rasterized. All of one kind: numpy float32, or torch on one device."""

    means: Array
    """[N, 3] head units."""
    covariances: Array
    """[N, 6] upper triangle: xx, xy, xz, yy, yz, zz."""
    opacities: Array
    """[N] 0..1."""
    features: Array
    """[N, C]; the first three are RGB 0..1."""

    def __len__(self) -> int:
        return len(self.means)


@dataclass(frozen=True)
class HeadPose:
    """Weak-perspective pose: landmarks in pixels are `(x, -y, -z) = scale * R @ canonical + translation`."""

    scale: float
    """Pixels per centimeter."""
    rotation: np.ndarray
    """[3, 3] identity when the face looks into the camera. Yaw > 0 turns it to the image's right, pitch > 0 down."""
    translation: np.ndarray
    """[3] pixels, y up and z toward the viewer."""


@dataclass(frozen=True)
class Portrait:
    """A tracked and matted portrait: what lifting needs, and the way back into the original picture."""

    picture: np.ndarray
    """[H, W, 3] uint8 RGB, the user's picture, upright."""
    crop: np.ndarray
    """[S, S, 3] uint8 RGB around the head, with the foreground's own colors where the matte is soft."""
    alpha: np.ndarray
    """[S, S] float32 0..1, the matte of the person."""
    crop_to_picture: np.ndarray
    """[2, 3] float64 similarity that takes crop pixels to picture pixels."""
    landmarks: np.ndarray
    """[478, 3] float32 crop pixels; z grows away from the camera."""
    pose: HeadPose
    """Pose in crop pixels."""
    canonical: np.ndarray
    """[478, 3] float32 the landmarks taken back by the pose, centimeters."""

    @property
    def size(self) -> int:
        """Edge of the square crop in pixels."""
        return self.crop.shape[0]


AUTHORED_NEUTRAL = "authored"
"""Value of `Motion.extra["neutral"]` where the neutral face is meant, not guessed from a video."""

SOUND = "sound_seconds"
"""Key of `Motion.extra` for the length of the sound on whose clock `Motion.times` are, or else of the picture."""

TURNS = "turns"
"""Key of `Motion.extra` for the counter-clockwise quarter turns that set the driver's pictures upright, if any."""

STRANGERS, DOUBTS = "strangers", "doubts"
"""Keys of `Motion.extra` for ranges of frames, as in "12-30, 40", of the tracked video: with the face of another person
who was not followed, and at which a shot begins with a face that was followed and may be another person's."""
SHOTS = "shots"
"""Key of `Motion.extra` for how the tracked video's shots were laid over each other, see `tracking.shots`."""
MOUTHS = "mouths_unseen"
"""Key of `Motion.extra` for ranges of frames of the tracked video whose mouth lay outside of the picture."""
COVERED = "mouths_covered"
"""The same of those whose mouth was behind something, such as a hand."""
OF_FRAMES = (STRANGERS, DOUBTS, SHOTS, MOUTHS, COVERED)
"""Keys of `Motion.extra` that speak of frames by their numbers."""


@dataclass(frozen=True)
class FlameCodes:
    """FLAME parameters of a motion's T frames. Codes of different editions do not mix."""

    edition: str
    shape: np.ndarray
    """[300] or [T, 300]."""
    expression: np.ndarray
    """[T, 100]."""
    jaw: np.ndarray
    """[T, 3] axis-angle."""
    eyes: np.ndarray
    """[T, 6] axis-angle, left then right."""
    transform: np.ndarray
    """[T, 3, 4] world-to-view camera, see `Camera.transform`."""
    added: np.ndarray | None = None
    """[T, 52] ARKit weights that act beside the codes, such as sliders'; whoever has the FLAME file turns them into
    codes."""
    placed: bool = True
    """False: the cameras only turn. Their translation is a usual one, and the head stays where the portrait has it."""
    steady_forehead: bool = False
    """Hold the forehead steady, see `lifting.gagavatar.forehead`."""

    def with_face(self, change: Callable[[np.ndarray], np.ndarray]) -> FlameCodes:
        """With every array of the face's expression changed: expression, jaw, eyes and what is added."""
        names = ("expression", "jaw", "eyes") + (() if self.added is None else ("added",))
        changed: dict[str, Any] = {name: change(getattr(self, name)) for name in names}
        return replace(self, **changed)


class FrameSource(Protocol):
    """Frames of a video or a batch of pictures, streamed: what trackers read."""

    @property
    def fps(self) -> float:
        """Frames a second."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    @property
    def frame_count(self) -> int | None:
        """Number of frames, or None where it is not known."""
        ...

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield [H, W, 3] uint8 RGB, upright and of one size."""
        ...

    def frames_from(self, first: int) -> Iterator[np.ndarray]:
        """Yield the frames from number `first` on, without decoding all those before it where that can be had."""
        ...


@dataclass(frozen=True)
class Motion:
    """A driver's motion: T frames, independent of any avatar."""

    fps: float
    rotation: np.ndarray
    """[T, 3, 3] float32, see `HeadPose.rotation`."""
    translation: np.ndarray
    """[T, 3] float32 centimeters from the picture's center, y up, z toward the viewer."""
    scale: np.ndarray
    """[T] float32, picture heights per centimeter; only ratios between frames have a meaning."""
    neutral: np.ndarray
    """[478, 3] float32 the driver's canonical landmarks at rest, centimeters."""
    deltas: np.ndarray
    """[T, 478, 3] float16 canonical landmarks minus `neutral`, centimeters."""
    arkit: np.ndarray
    """[T, 52] float32 0..1, in the order of `ARKIT_NAMES`."""
    gaze: np.ndarray
    """[T, 2, 2] float32 iris offset from the eye's center in eye widths, x right, y up; the image's left eye first."""
    confidence: np.ndarray
    """[T] float32 0..1 the tracker's face score; 0 marks a bridged frame."""
    flame: FlameCodes | None = None
    source: str = ""
    """What the motion was taken from, for people."""
    extra: dict[str, str] = field(default_factory=dict)
    times: np.ndarray | None = None
    """[T] float32 seconds of the source at which each frame was; None where they are the first ones, in order."""

    def __len__(self) -> int:
        return len(self.rotation)

    @property
    def clock(self) -> np.ndarray:
        """[T] float64 `times`, also where there are none."""
        return np.arange(len(self)) / self.fps if self.times is None else self.times.astype(np.float64)

    @property
    def bridged(self) -> list[int]:
        """Indices of the frames that had no face and were filled in from their neighbors."""
        return np.flatnonzero(self.confidence == 0).tolist()
