"""What the splat formats share: plain arrays in the frame that viewers expect."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..rendering.covariance import quaternions_from_covariances
from ..types import Array, Gaussians

SH_C0 = 0.28209479177387814
"""The constant spherical harmonic: color = 0.5 + SH_C0 * f_dc."""

_FAINTEST = 1 / 255
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Splats:
    """Visible Gaussians in head space: x right, y up, z to a viewer in front."""

    means: np.ndarray
    """[N, 3] float32."""
    scales: np.ndarray
    """[N, 3] float32 standard deviations."""
    quaternions: np.ndarray
    """[N, 4] float32 w, x, y, z, unit length."""
    opacities: np.ndarray
    """[N] float32, inside 0..1."""
    colors: np.ndarray
    """[N, 3] float32 RGB 0..1."""

    def __len__(self) -> int:
        return len(self.means)

    def y_down(self) -> Splats:
        """Turned half about x, to the frame of 3D Gaussian Splatting files: x right, y down, z away from the viewer.

        Viewers of such files show the head upright, facing a camera on the negative z axis.
        """
        w, x, y, z = self.quaternions.T
        half_turn = np.stack([-x, w, -z, y], 1)  # (0, 1, 0, 0) times q
        return replace(self, means=self.means * np.float32([1, -1, -1]), quaternions=half_turn)  # type: ignore[arg-type]


def to_splats(gaussians: Gaussians) -> Splats:
    """Scales, rotations and colors of those Gaussians that can be seen.

    Raises:
        ValueError: none is left to export, or there are no three color features.
    """
    means, covariances = _numpy(gaussians.means), _numpy(gaussians.covariances)
    opacities, features = _numpy(gaussians.opacities).reshape(-1), _numpy(gaussians.features)
    if features.ndim != 2 or features.shape[1] < 3:
        raise ValueError(f"Got features {features.shape} but expected [N, 3] or more")
    finite = np.isfinite(means).all(1) & np.isfinite(covariances).all(1) & np.isfinite(features[:, :3]).all(1)
    kept = finite & (opacities >= _FAINTEST)
    if not kept.any():
        raise ValueError(f"Got {len(means)} Gaussians of which none can be seen: there is nothing to export")
    quaternions, scales = quaternions_from_covariances(covariances[kept])
    return Splats(
        means=means[kept],
        scales=np.maximum(scales, _SMALLEST).astype(np.float32),
        quaternions=quaternions.astype(np.float32),
        opacities=np.clip(opacities[kept], _FAINTEST, 1 - 1e-4),
        colors=np.clip(features[kept, :3], 0, 1),
    )


def _numpy(values: Array) -> np.ndarray:
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values, np.float32)
