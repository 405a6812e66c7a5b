"""DECA's coarse encoder: FLAME codes and a camera from each frame, laid on what the bundled tracker follows.

Feng et al., "Learning an animatable detailed 3D face model from in-the-wild images", SIGGRAPH 2021, section 4.1. The
encoder sees one frame at a time, and has no eyes: glances are the bundled tracker's. Its camera is a scaled
orthographic one (section 3); here it becomes a perspective one that agrees at the depth of the face.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...errors import FileFormatError
from ...face.arkit_flame import eye_codes
from ...heads.flame import SCALE, rotation_matrices
from ...torch_file import fill_network, load_torch_file
from ...types import COVERED, FOCAL, FRONTAL_ROTATION, FlameCodes, Motion
from ..bridging import Bridge, frames_of
from ..landmarks.face_model import INDICES
from ..landmarks.fit import flame_square
from ..mouth import fill_unseen, mouth_is_seen
from ..shots import seen_squares
from ..sightings import Sightings
from ..upright import quarter_turns, turn_points
from .crops import face_crop, face_rectangle
from .encoder import Encoder

if TYPE_CHECKING:
    from ...heads.flame import Flame

PARTS = {"shape": 100, "texture": 50, "expression": 50, "pose": 6, "camera": 3, "light": 27}
"""What the encoder gives, in order; `pose` is the head's rotation and the jaw's, as axis-angle vectors."""
_NETWORK = "E_flame"
_ADVICE = "Get deca_model.tar of DECA's authors again."
_FACE = list(INDICES[:68])
_LEAST_SCALE = 1.0
"""Under it, no face is meant: it would be smaller than a fifth of its crop."""


class DecaCodes(NamedTuple):
    """What DECA sees in T frames; arrays float32."""

    shape: np.ndarray
    """[T, 100]."""
    expression: np.ndarray
    """[T, 50]."""
    pose: np.ndarray
    """[T, 6] the head's rotation about FLAME's root joint, then the jaw's; axis-angle."""
    camera: np.ndarray
    """[T, 3] scale, then shift x, y: a point lands at `scale * (x + shift x, -(y + shift y))` of the crop, -1..1."""
    crops: np.ndarray
    """[T, 3] center x, y and half edge of the crop, in picture heights from the picture's center."""


class Deca:
    """The encoder of a `deca_model.tar`."""

    def __init__(self, path: Path, device: str | torch.device = "cpu") -> None:
        """Read the file without running code of it.

        Raises:
            FileFormatError: it is damaged, wants to run code, or is another checkpoint.
        """
        checkpoint = load_torch_file(path, _ADVICE)
        if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get(_NETWORK), dict):
            raise FileFormatError(f"{path} has no '{_NETWORK}': it is no checkpoint of DECA. {_ADVICE}")
        self._network = fill_network(lambda: Encoder(sum(PARTS.values())), checkpoint[_NETWORK], path, _ADVICE)
        self._network.to(device)
        self._device = torch.device(device)
        self.file: Hashable = path, path.stat().st_size, path.stat().st_mtime_ns
        """What tells checkpoints apart."""

    @torch.no_grad()
    def encode(self, faces: Tensor) -> dict[str, np.ndarray]:
        """Return the codes of `PARTS`, float32 [B, ...], of crops [B, 3, 224, 224] RGB 0..1."""
        codes = self._network(faces.to(self._device)).cpu().split(list(PARTS.values()), -1)
        return {name: code.numpy() for name, code in zip(PARTS, codes, strict=True)}


def look_with_deca(deca: Deca, sightings: Sightings) -> None:
    """Have DECA look at each frame that shows the face, in a crop around its raw landmarks, as a video is tracked.

    What it sees is kept in the sightings: `video.track_video` fills them, and `with_deca_codes` takes it from there.
    """
    first = next((seen.face for seen in sightings.frames if seen.face is not None), None)
    turns = None if first is None else quarter_turns(first.points)

    def look(image: np.ndarray, points: np.ndarray) -> tuple[list[np.ndarray], bool]:
        nonlocal turns
        turns = quarter_turns(points) if turns is None else turns  # as `MotionRecorder` has it
        placed = turn_points(points, turns, image.shape)
        return _observe(deca, np.rot90(image, turns), placed[_FACE, :2]), mouth_is_seen(points, image.shape)

    sightings.look_with(deca.file, look)


def with_deca_codes(motion: Motion, sightings: Sightings, flame: Flame) -> Motion:
    """Return a tracked motion with DECA's FLAME codes of each frame, as DECA gives them, unsmoothed.

    Args:
        motion: of the video.
        sightings: of the same video, tracked after `look_with_deca`.
        flame: the FLAME file of DECA's edition, 2020.
    """
    known = np.flatnonzero(motion.confidence > 0).tolist()  # without those that turned out to show two shots at once
    rows, mouths = zip(*(sightings.looks[index] for index in known), strict=True)
    seen = DecaCodes(*(np.stack(column) for column in zip(*rows, strict=True)))
    codes = flame_codes(seen, flame, *_squares(motion, known))
    covered = frames_of(motion.extra.get(COVERED, ""))
    mouth_seen = np.array(mouths) & ~np.isin(known, list(covered))
    for face_codes in (codes.expression, codes.jaw):
        for unseen, held in fill_unseen(face_codes, mouth_seen, np.array(known) / motion.fps):
            face_codes[unseen] = held
    bridge = Bridge(np.array(known), len(motion))
    transform = bridge.fill(codes.transform)
    transform[..., :3] = bridge.fill_rotations(codes.transform[..., :3])
    expression, jaw = bridge.fill(codes.expression), bridge.fill(codes.jaw)
    filled = replace(codes, expression=expression, jaw=jaw, eyes=eye_codes(motion.arkit), transform=transform)
    return replace(motion, flame=filled)


def _squares(motion: Motion, frames: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Centers [T, 2] and half edges [T] of the cameras' square in these frames: it keeps to the head over a cut."""
    square = flame_square(motion)
    squares = seen_squares(motion, *square) or [square] * len(motion)
    centers, halves = zip(*(squares[index] for index in frames), strict=True)
    return np.stack(centers), np.array(halves)


def flame_codes(seen: DecaCodes, flame: Flame, center: np.ndarray, half: np.ndarray | float) -> FlameCodes:
    """Return codes of one person, whose shape is the frames' mean, in the cameras of one square.

    Args:
        seen: what DECA saw.
        flame: with landmarks; without them the cameras agree at the depth of the head's middle.
        center: [2] or [T, 2] the square's center, in picture heights from the picture's center.
        half: half its edge, in picture heights; [T] where it differs by frame.
    """
    count = len(seen.pose)
    shape, expression = np.zeros(300, np.float32), np.zeros((count, 100), np.float32)
    shape[: PARTS["shape"]] = seen.shape.mean(0)
    expression[:, : PARTS["expression"]] = seen.expression
    jaw = seen.pose[:, 3:]
    R = rotation_matrices(torch.from_numpy(seen.pose[:, :3])).double().numpy()
    root, depth = _root_and_depth(flame, shape, expression, jaw, R)
    size = seen.crops[:, 2] / half * np.maximum(seen.camera[:, 0], _LEAST_SCALE)  # of a meter, in half widths
    shift = (seen.crops[:, :2] - center) / (half * size)[:, None] * [1, -1]
    distance = SCALE * FOCAL / size
    x, y = (SCALE * (seen.camera[:, 1 + axis] + shift[:, axis]) + root[:, axis] for axis in (0, 1))
    t = np.stack([-x, y, distance + depth], 1)
    transform = np.concatenate([R.swapaxes(1, 2) @ FRONTAL_ROTATION, t[:, :, None]], 2).astype(np.float32)
    return FlameCodes(flame.edition, shape, expression, jaw, np.zeros((count, 6), np.float32), transform)


def _observe(deca: Deca, image: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
    """Shape, expression, pose, camera and crop of one frame; see `DecaCodes`."""
    picture = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float()
    codes = deca.encode(face_crop(picture, points)[None])
    left, top, edge = face_rectangle(points)
    height, width = image.shape[:2]
    crop = np.array([left + edge / 2 - width / 2, top + edge / 2 - height / 2, edge / 2]) / height
    return [*(codes[name][0] for name in ("shape", "expression", "pose", "camera")), crop]


@torch.no_grad()
def _root_and_depth(
    flame: Flame, shape: np.ndarray, expression: np.ndarray, jaw: np.ndarray, R: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far a turn about the root joint moves the origin, [T, 3], and the landmarks' mean z [T]."""
    device = flame.template.device
    betas, expressions, jaws = (torch.from_numpy(values).to(device) for values in (shape[None], expression, jaw))
    joint = SCALE * flame.rest(betas, expressions)[1][:, 0].double().cpu().numpy()
    root = joint - np.einsum("tij,tj->ti", R, joint)
    if not flame.has_landmarks:
        return root, np.zeros(len(R))
    points = flame.landmarks(flame(betas, expressions, jaws)).double().cpu().numpy().mean(1)
    return root, np.einsum("tj,tj->t", R[:, 2], points)
