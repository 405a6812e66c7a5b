"""The Gaussians of one lifted avatar on the rasterizer's device, with the buffers that frames reuse."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...rendering import rasterize
from ...types import Array, Camera, Gaussians
from .config import RENDER_SIZE, VERTICES
from .lifted import LiftedAvatar


class Scene:
    """Rasterizes frames of one avatar: numpy on the CPU, tensors on CUDA."""

    def __init__(self, lifted: LiftedAvatar, device: torch.device, backend: str = "auto") -> None:
        self.lifted = lifted
        self.backend = backend
        self.device = device if device.type == "cuda" else torch.device("cpu")
        self._on_gpu = self.device.type == "cuda"
        start = np.zeros((VERTICES, 3), np.float32)
        arrays = lifted.gaussians(start)
        kinds = (arrays.means, arrays.covariances, arrays.opacities, arrays.features)
        self._gaussians = Gaussians(*(self._place(array) for array in kinds))
        self._features = torch.empty(0)
        self._alpha = torch.empty(0)

    def rasterize(self, head_points: Tensor, cameras: np.ndarray) -> tuple[Tensor, Tensor]:
        """Head points [B, 5023, 3] and cameras [B, 3, 4] to features [B, C, 512, 512], in channels_last memory, and
        alpha [B, 512, 512]. Both are overwritten by the next call."""
        count, channels = len(cameras), self._gaussians.features.shape[1]
        if len(self._features) < count:
            shape = (count, RENDER_SIZE, RENDER_SIZE)
            self._features = torch.empty(*shape, channels, device=self.device)
            self._alpha = torch.empty(shape, device=self.device)
        for index in range(count):
            points = head_points[index].to(self.device, torch.float32)
            self._gaussians.means[:VERTICES] = points if self._on_gpu else points.numpy()
            out = (self._features[index], self._alpha[index])
            out = out if self._on_gpu else tuple(tensor.numpy() for tensor in out)
            rasterize(self._gaussians, Camera(cameras[index]), RENDER_SIZE, RENDER_SIZE, backend=self.backend, out=out)
        return self._features[:count].permute(0, 3, 1, 2), self._alpha[:count]

    def _place(self, array: np.ndarray) -> Array:
        return torch.from_numpy(array).to(self.device) if self._on_gpu else array
