"""The published tracker's optimization: a camera and eye pose per frame that lay EMICA's head over VGGHead's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...heads.flame import Flame, rotation_matrices
from ...types import FOCAL, FRONTAL_ROTATION
from .geometry import IMAGE, project, rotation_from_6d, rotation_to_6d, smooth

STEPS = 300
_RATES = {"eyes": 1e-3, "rotation": 5e-4, "translation": 0.1}
_VERTICES, _DETECTED, _REPROJECTED, _EYES = 25.0, 10.0, 80.0, 25.0
_TRUSTED = 8.96  # pixels between detected and reprojected landmarks
_EMOCA_FOCAL, _NETWORK_FOCAL = 5000 / IMAGE, 13.0
_KEEP_CAMERA, _KEEP_EYES = 0.6, 0.7  # share of the new frame in the smoothed one
_CHUNK = 16  # frames at once: bounds memory, and the result does not depend on it


@dataclass(frozen=True)
class HeadCodes:
    """EMICA's codes of T frames, float32."""

    shape: Tensor
    """[1, 300] for all frames, or [T, 300]."""
    expression: Tensor
    """[T, 100]."""
    jaw: Tensor
    """[T, 3]."""
    global_pose: Tensor
    """[T, 3]."""

    def __getitem__(self, part: slice) -> HeadCodes:
        shape = self.shape if len(self.shape) == 1 else self.shape[part]
        return HeadCodes(shape, self.expression[part], self.jaw[part], self.global_pose[part])


@dataclass(frozen=True)
class Targets:
    """What the fitted heads of some frames should project to, pixels of the 512 crop."""

    vertices: Tensor
    """[T, 5023, 2] of VGGHead's mesh."""
    landmarks: Tensor
    """[T, 70, 2] of VGGHead's mesh."""
    detected: Tensor
    """[T, 70, 2] of the landmark network."""

    def select_trusted(self) -> Tensor:
        """[T] bool: frames whose detected and reprojected inner landmarks agree on average within 8.96 pixels."""
        inner = slice(17, 68)
        return (self.detected[:, inner] - self.landmarks[:, inner]).norm(dim=-1).mean(-1) < _TRUSTED


@dataclass(frozen=True)
class CameraFit:
    """Result for T frames, float32."""

    eyes: np.ndarray
    """[T, 6] axis-angle, left then right."""
    transform: np.ndarray
    """[T, 3, 4] world-to-view, see `types.Camera.transform`."""


def fit_cameras(
    flame: Flame,
    codes: HeadCodes,
    targets: Callable[[slice], Targets],
    trusted: np.ndarray,
    focal: float = FOCAL,
    steps: int = STEPS,
    progress: Callable[[int], None] | None = None,
) -> CameraFit:
    """Fit eyes and cameras of T frames by Adam on weighted squared pixel errors.

    `targets` gives the targets of a slice of frames, so that they need not be in memory together; `trusted` [T] bool,
    from `Targets.trusted`, picks the frames whose landmarks count. As in the published tracker a landmark term is the
    mean over the trusted frames, a vertex term that over all. `progress` gets the number of frames done.
    """
    frames, known = len(codes.expression), max(1, int(trusted.sum()))
    eyes, transforms = [], []
    for part in _parts(frames):
        goal, chosen = targets(part), torch.from_numpy(trusted[part]).to(codes.expression.device)
        weights = (1 / frames, chosen / known)
        found_eyes, found_transform = _fit(flame, codes[part], goal, weights, focal, steps)
        eyes.append(found_eyes.cpu().numpy())
        transforms.append(found_transform.cpu().numpy())
        if progress:
            progress(min(part.stop, frames))
    return CameraFit(np.concatenate(eyes), np.concatenate(transforms))


def smooth_shots(fit: CameraFit, starts: list[int]) -> CameraFit:
    """Return the fit of a video with shots of their own from each of `starts` on, each smoothed for itself."""
    parts = [slice(start, end) for start, end in zip([0, *starts], [*starts, len(fit.eyes)], strict=True)]
    fits = [smooth_fit(CameraFit(fit.eyes[part], fit.transform[part])) for part in parts if part.stop > part.start]
    return CameraFit(np.concatenate([one.eyes for one in fits]), np.concatenate([one.transform for one in fits]))


def smooth_fit(fit: CameraFit) -> CameraFit:
    """Return the fit of a video's successive frames, smoothed as in the published `smoothed.pkl`."""
    rows = smooth(rotation_to_6d(torch.from_numpy(fit.transform[:, :, :3])).numpy(), _KEEP_CAMERA)
    rotation = rotation_from_6d(torch.from_numpy(rows)).numpy()
    translation = smooth(fit.transform[:, :, 3:], _KEEP_CAMERA)
    transform = np.concatenate([rotation, translation], -1).astype(np.float32)
    return CameraFit(smooth(fit.eyes, _KEEP_EYES).astype(np.float32), transform)


def _parts(frames: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, frames, _CHUNK))


def _fit(
    flame: Flame, codes: HeadCodes, goal: Targets, weights: tuple[float, Tensor], focal: float, steps: int
) -> tuple[Tensor, Tensor]:
    vertices, joints = flame.rest(codes.shape, codes.expression)
    start = initial_camera(codes.global_pose, flame.pose(vertices, joints, codes.jaw), goal.vertices, focal)
    eyes = codes.jaw.new_zeros(len(codes.jaw), 6).requires_grad_()
    rotation = rotation_to_6d(start[:, :, :3]).clone().requires_grad_()
    translation = start[:, :, 3].clone().requires_grad_()
    values = {"eyes": eyes, "rotation": rotation, "translation": translation}
    adam = torch.optim.Adam([{"params": [values[name]], "lr": rate} for name, rate in _RATES.items()])
    for _ in range(steps):
        posed = flame.pose(vertices, joints, codes.jaw, eyes)
        R = rotation_from_6d(rotation)
        seen = project(posed, R, translation, focal)
        points = project(flame.landmarks(posed), R, translation, focal)
        loss = _loss(seen, points, goal, weights)
        adam.zero_grad()
        loss.backward()
        adam.step()
    with torch.no_grad():
        transform = torch.cat([rotation_from_6d(rotation), translation[:, :, None]], -1)
    return eyes.detach(), transform


def _loss(seen: Tensor, points: Tensor, goal: Targets, weights: tuple[float, Tensor]) -> Tensor:
    """Weighted mean squared pixel errors over 512, of projected vertices and landmarks."""

    def error(found: Tensor, wanted: Tensor) -> Tensor:
        return (found - wanted).square().mean((1, 2)) / IMAGE

    landmark_terms = (
        _DETECTED * error(points[:, 17:68], goal.detected[:, 17:68])
        + _REPROJECTED * error(points[:, :68], goal.landmarks[:, :68])
        + _EYES * error(points[:, 68:], goal.detected[:, 68:])
    )
    every, trusted = weights
    return (every * _VERTICES * error(seen, goal.vertices) + trusted * landmark_terms).sum()


def initial_camera(global_pose: Tensor, vertices: Tensor, pixels: Tensor, focal: float = FOCAL) -> Tensor:
    """First guess [T, 3, 4] from EMICA's global pose [T, 3], with the mesh [T, V, 3] centerd on `pixels` [T, V, 2]."""
    frontal = global_pose.new_tensor(FRONTAL_ROTATION)
    rotation = frontal @ rotation_matrices(global_pose @ frontal).mT
    translation = global_pose.new_tensor([0, 0, _EMOCA_FOCAL]).repeat(len(global_pose), 1)
    seen = project(vertices, rotation, translation, _EMOCA_FOCAL)
    translation[:, :2] = (seen.mean(1) - pixels.mean(1)) * 2 / IMAGE
    return torch.cat([rotation, (translation * focal / _NETWORK_FOCAL)[:, :, None]], -1)
