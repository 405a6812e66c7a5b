"""The Gaussians of one lifted avatar on the rasterizer's device, with the buffers that frames reuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...rendering import rasterize
from ...types import Array, Camera, Gaussians
from .config import VERTICES
from .portrait_gaussians import PortraitGaussians


class Scene:
    """Rasterizes frames of one avatar: numpy on the CPU, tensors on CUDA."""

    def __init__(self, lifted: PortraitGaussians, device: torch.device, backend: str = "auto") -> None:
        self.portrait = lifted
        self.backend = backend
        self.device = device if device.type == "cuda" else torch.device("cpu")
        self._on_gpu = self.device.type == "cuda"
        start = np.zeros((VERTICES, 3), np.float32)
        arrays = lifted.gaussians(start)
        kinds = (arrays.means, arrays.covariances, arrays.opacities, arrays.features)
        self._gaussians = Gaussians(*(self._place(array) for array in kinds))
        self._features = torch.empty(0)
        self._alpha = torch.empty(0)
        matte = lifted.extra.get("matte")
        self._matte = None if matte is None else self._with_matte(matte)

    def rasterize(self, head_points: Tensor, cameras: np.ndarray, matted: bool = False) -> tuple[Tensor, Tensor]:
        """Return features [B, C, 512, 512] and alpha [B, 512, 512] of head points [B, 5023, 3] and cameras [B, 3, 4].

        Features are in channels_last memory. Both are overwritten by the next call.

        `matted`: where the avatar has a matte, alpha is the coverage by the Gaussians of the person alone.
        """
        count, channels, size = len(cameras), self._gaussians.features.shape[1], self.portrait.config.render_size
        if len(self._features) < count:
            shape = (count, size, size)
            self._features = torch.empty(*shape, channels, device=self.device)
            self._alpha = torch.empty(shape, device=self.device)
        for index in range(count):
            points = head_points[index].to(self.device, torch.float32)
            self._gaussians.means[:VERTICES] = points if self._on_gpu else points.numpy()
            out: tuple[Array, Array] = (self._features[index], self._alpha[index])
            if not self._on_gpu:
                out = out[0].numpy(), out[1].numpy()
            camera = Camera(cameras[index])
            rasterize(self._gaussians, camera, size, size, backend=self.backend, out=out)
            if matted and self._matte is not None:
                out[1][...] = rasterize(self._matte, camera, size, size, backend=self.backend)[0][..., 0]
        return self._features[:count].permute(0, 3, 1, 2), self._alpha[:count]

    def _with_matte(self, matte: np.ndarray) -> Gaussians:
        """Return the same Gaussians, which share their memory, with one feature: how far each is the person's, 0..1."""
        own = np.concatenate([np.ones(VERTICES, np.float32), matte.astype(np.float32)])[:, None]
        return replace(self._gaussians, features=self._place(own))

    def _place(self, array: np.ndarray) -> Array:
        return torch.from_numpy(array).to(self.device) if self._on_gpu else array
