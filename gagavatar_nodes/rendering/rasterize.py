"""One rasterizer function over several backends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..types import FOCAL, Array, Camera, Gaussians
from . import native
from .backends import choose_backend, wants_gradient
from .covariance import covariances_from_quaternions
from .view import View

MAX_VALUES = 2**30
"""Numbers that a picture may hold, alpha among them: 4 GB, or 16384 x 16384 pixels of three channels."""


def rasterize(
    gaussians: Gaussians,
    camera: Camera,
    width: int,
    height: int,
    background: Array | None = None,
    backend: str = "auto",
    out: tuple[Array, Array] | None = None,
    threads: int | None = None,
) -> tuple[Array, Array]:
    """Draw Gaussians with any number of feature channels, by the rules of the published rasterizer.

    Arrays come back as they were given: numpy as numpy, torch as torch on the same device.

    Autograd follows it for tensors. `native` differentiates by the published rules (see `native.gradient`), `torch`
    what it computes, `gsplat` by rules of its own: they part at splats whose alpha is capped, and beyond 1.3 times the
    field of view.

    Args:
        gaussians: in world space.
        camera: its focal length is `focal * width / 2` pixels both ways, its principal point the image's center.
        width: pixels.
        height: pixels.
        background: [C] or [height, width, C] to lay the features over; black unless given.
        backend: `auto`, or one of `BACKENDS`. `GAGAVATAR_RASTERIZER` takes the place of `auto`. `auto` is `native` on
            the CPU and `torch` where nothing else works or gradients of float64 are wanted; on CUDA `gsplat`, `triton`
            (not with gradients), `torch`.
        out: float32 arrays of the results' shapes to write into, which saves their allocation (`native` only; other
            backends copy).
        threads: for `native`; all processors up to 16 unless given here or by `GAGAVATAR_THREADS`.

    Returns:
        features [height, width, C], premultiplied by alpha where there is no background, and alpha [height, width].
        A permuted view of the features is a channels_last tensor.

    Raises:
        ValueError: shapes that do not fit, a size out of range, infinite numbers or NaN, an unknown backend.
        GagavatarError: the backend asked for cannot run here.
    """
    channels = _check_gaussians(gaussians)
    view = View.of(camera, width, height, background)
    if background is not None and tuple(background.shape) not in ((channels,), (height, width, channels)):
        shapes = f"({channels},) or ({height}, {width}, {channels})"
        raise ValueError(f"Got a background of shape {tuple(background.shape)} but expected {shapes}")
    if width * height * (channels + 1) > MAX_VALUES:
        raise ValueError(
            f"An image of {width}x{height} with {channels} channels is too large; use at most "
            f"{math.isqrt(MAX_VALUES // (channels + 1))} pixels a side"
        )
    if out is not None:
        _check_out(out, (height, width, channels))
    name = choose_backend(gaussians, backend)
    if name == "native":
        return _render_native(gaussians, view, out, threads)
    result = _render_torch(name, gaussians, view)
    if out is None:
        return result
    for target, value in zip(out, result, strict=True):
        target[...] = value
    return out


def rasterize_batch(
    gaussians: Sequence[Gaussians],
    cameras: Sequence[Camera],
    width: int,
    height: int,
    background: Array | None = None,
    backend: str = "auto",
    threads: int | None = None,
) -> tuple[Array, Array]:
    """Draw the samples of a batch, each by a camera of its own.

    Args:
        gaussians: B sets, of one kind and number of channels; their sizes may differ.
        cameras: B cameras.
        width: pixels.
        height: pixels.
        background: as for `rasterize`, the same for all samples.
        backend: as for `rasterize`.
        threads: as for `rasterize`.

    Returns:
        features [B, height, width, C] and alpha [B, height, width] of the given kind; autograd follows them as it does
        those of `rasterize`. `features.permute(0, 3, 1, 2)` is a channels_last tensor.

    Raises:
        ValueError: an empty batch, another number of cameras, or as `rasterize`.
        GagavatarError: as `rasterize`.
    """
    if not gaussians or len(gaussians) != len(cameras):
        raise ValueError(f"Got {len(gaussians)} sets of Gaussians and {len(cameras)} cameras but expected one each")
    drawn = [
        rasterize(sample, camera, width, height, background, backend, threads=threads)
        for sample, camera in zip(gaussians, cameras, strict=True)
    ]
    images, alphas = zip(*drawn, strict=True)
    if isinstance(images[0], np.ndarray):
        return np.stack(images), np.stack(alphas)
    import torch

    return torch.stack(images), torch.stack(alphas)


def rasterize_arrays(
    means: np.ndarray,
    quaternions: np.ndarray,
    scales: np.ndarray,
    opacities: np.ndarray,
    features: np.ndarray,
    camera: np.ndarray,
    width: int,
    height: int,
    focal: float = FOCAL,
    backend: str = "auto",
) -> tuple[np.ndarray, np.ndarray]:
    """`rasterize` for plain arrays, in the form of the published network's outputs.

    Args:
        means: [N, 3].
        quaternions: [N, 4] w, x, y, z; used as they are, without normalizing.
        scales: [N, 3] standard deviations.
        opacities: [N] or [N, 1].
        features: [N, C].
        camera: [3, 4] world-to-view `[R | t]` for row vectors, see `Camera.transform`.
        width: pixels.
        height: pixels.
        focal: half-widths.
        backend: as for `rasterize`.

    Returns:
        image [C, height, width] on black, and alpha [height, width], float32.

    Raises:
        ValueError: as `rasterize`.
        GagavatarError: as `rasterize`.
    """
    arrays = [np.asarray(a, np.float32) for a in (means, quaternions, scales, opacities, features)]
    means, quaternions, scales, opacities, features = arrays
    if quaternions.shape != (len(means), 4) or scales.shape != (len(means), 3):
        shapes = f"({len(means)}, 4) and ({len(means)}, 3)"
        raise ValueError(f"Got quaternions {quaternions.shape} and scales {scales.shape} but expected {shapes}")
    covariances = covariances_from_quaternions(quaternions, scales)
    gaussians = Gaussians(means, covariances, opacities.reshape(-1), features)
    image, alpha = rasterize(gaussians, Camera(np.asarray(camera), focal), width, height, backend=backend)
    return np.ascontiguousarray(image.transpose(2, 0, 1)), alpha


def _render_native(
    gaussians: Gaussians, view: View, out: tuple[Array, Array] | None, threads: int | None
) -> tuple[Array, Array]:
    means, background = gaussians.means, view.background
    arrays = Gaussians(*(_to_numpy(array) for array in _arrays(gaussians)))
    if background is not None:
        view = replace(view, background=_to_numpy(background))
    if isinstance(means, np.ndarray):
        return native.render(arrays, view, out, threads)
    import torch

    if wants_gradient(*_arrays(gaussians), background):
        from . import differentiable

        result = differentiable.render(gaussians, replace(view, background=background), threads)
        return result if out is None else tuple(a.copy_(value) for a, value in zip(out, result, strict=True))
    if out is not None and out[0].device.type == "cpu":
        native.render(arrays, view, (out[0].numpy(), out[1].numpy()), threads)
        return out
    image, alpha = (torch.from_numpy(a).to(means.device) for a in native.render(arrays, view, None, threads))
    if out is None:
        return image, alpha
    return out[0].copy_(image), out[1].copy_(alpha)


def _render_torch(name: str, gaussians: Gaussians, view: View) -> tuple[Array, Array]:
    import torch

    if name == "gsplat":
        from .gsplat_backend import render
    elif name == "triton":
        from .triton_backend import render
    else:
        from .reference import render
    given = gaussians.means
    device = None if isinstance(given, np.ndarray) else given.device
    if device is None and name != "torch":
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = _working_dtype(given, name)
    tensors = Gaussians(*(torch.as_tensor(array, dtype=dtype, device=device) for array in _arrays(gaussians)))
    if tensors.means.device.type == "cpu":  # asking a GPU would wait for it
        bad = [key for key, value in vars(tensors).items() if not value.isfinite().all()]
        if bad:
            raise ValueError(f"Gaussians hold infinite numbers or NaN in: {', '.join(bad)}")
    if view.background is not None:
        under = torch.as_tensor(view.background, dtype=dtype, device=tensors.means.device)
        view = replace(view, background=under)
    if isinstance(given, np.ndarray):
        with torch.no_grad():
            image, alpha = render(tensors, view)
        return image.cpu().numpy(), alpha.cpu().numpy()
    return render(tensors, view)


def _arrays(g: Gaussians) -> tuple[Array, Array, Array, Array]:
    return g.means, g.covariances, g.opacities, g.features


def _check_gaussians(g: Gaussians) -> int:
    n = len(g.means)
    channels = g.features.shape[-1] if g.features.ndim == 2 else 0
    expected = {"means": (n, 3), "covariances": (n, 6), "opacities": (n,), "features": (n, max(channels, 1))}
    for key, shape in expected.items():
        got = tuple(getattr(g, key).shape)
        if got != shape:
            raise ValueError(f"Got {key} of shape {got} but expected {shape}")
    return channels


def _check_out(out: tuple[Array, Array], shape: tuple[int, int, int]) -> None:
    for array, expected in zip(out, (shape, shape[:2]), strict=True):
        contiguous = array.flags.c_contiguous if isinstance(array, np.ndarray) else array.is_contiguous()
        if tuple(array.shape) != expected or str(array.dtype).split(".")[-1] != "float32" or not contiguous:
            raise ValueError(
                f"Got an output of shape {tuple(array.shape)} but expected contiguous float32 of shape {expected}"
            )


def _working_dtype(means: Array, name: str) -> Any:
    """float64 stays float64 in the reference; everything else is drawn in float32."""
    import torch

    wide = str(means.dtype).endswith("float64") and name == "torch"
    return torch.float64 if wide else torch.float32


def _to_numpy(array: Array) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else array.detach().to("cpu").float().numpy()
