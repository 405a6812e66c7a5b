"""The compiled rasterizer as a step that autograd follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..types import Gaussians
from . import native
from .view import View


def render(gaussians: Gaussians, view: View, threads: int | None = None) -> tuple[Tensor, Tensor]:
    """Rasterize tensors by `native.render`, on the CPU in float32, with gradients by `native.gradient`.

    Memory between the two passes is that of the results alone: the backward pass blends once more.

    Args:
        gaussians: tensors of any dtype and device; whatever requires a gradient gets one.
        view: its background may be a tensor, and gets a gradient then.
        threads: as for `native.render`.

    Returns:
        image [height, width, C] and alpha [height, width], float32 on the device of the Gaussians.

    Raises:
        ValueError: as `native.render`.
    """
    device = gaussians.means.device
    tensors = (a.to("cpu", torch.float32) for a in vars(gaussians).values())
    image, alpha = (a.to(device) for a in _Rasterize.apply(*tensors, replace(view, background=None), threads))
    if view.background is not None:
        under = torch.as_tensor(view.background, dtype=torch.float32, device=device)
        image = image + (1 - alpha)[..., None] * under
    return image, alpha


class _Rasterize(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        means: Tensor,
        covariances: Tensor,
        opacities: Tensor,
        features: Tensor,
        view: View,
        threads: int | None,
    ) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(means, covariances, opacities, features)
        ctx.view, ctx.threads = view, threads
        ctx.set_materialize_grads(False)
        image, alpha = native.render(_as_numpy(means, covariances, opacities, features), view, None, threads)
        return torch.from_numpy(image), torch.from_numpy(alpha)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_image: Tensor | None, to_alpha: Tensor | None) -> tuple[Tensor | None, ...]:
        image, alpha = (None if a is None else a.numpy() for a in (to_image, to_alpha))
        gradients = native.gradient(_as_numpy(*ctx.saved_tensors), ctx.view, image, alpha, ctx.threads)
        wanted = zip(vars(gradients).values(), ctx.needs_input_grad[:4], strict=True)
        return *(torch.from_numpy(a) if needed else None for a, needed in wanted), None, None


def _as_numpy(*tensors: Tensor) -> Gaussians:
    return Gaussians(*(a.detach().numpy() for a in tensors))
