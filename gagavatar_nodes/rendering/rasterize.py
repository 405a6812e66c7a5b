"""One rasterizer function over several backends."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Any

import numpy as np

from ..errors import GagavatarError
from ..types import FOCAL, Array, Camera, Gaussians
from . import native
from .covariance import covariances_from_quaternions

logger = logging.getLogger(__name__)

BACKENDS = ("native", "torch", "gsplat", "triton")
"""`native` compiled for the CPU, `torch` the plain reference on any device, `gsplat` and `triton` for CUDA."""
MAX_SIZE = 32768
"""Longest edge of an image in pixels."""


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
    """Draws Gaussians with any number of feature channels, by the rules of the published rasterizer.

    Arrays come back as they were given: numpy as numpy, torch as torch on the same device.

    Args:
        gaussians: in world space.
        camera: its focal length is `focal * width / 2` pixels both ways, its principal point the image's centre.
        width: pixels.
        height: pixels.
        background: [C] or [height, width, C] to lay the features over; black unless given.
        backend: `auto`, or one of `BACKENDS`. `GAGAVATAR_RASTERIZER` takes the place of `auto`. `auto` is `native` on
            the CPU and `torch` where gradients are wanted or nothing else works; on CUDA `gsplat`, `triton`, `torch`.
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
    if not (1 <= width <= MAX_SIZE and 1 <= height <= MAX_SIZE):
        raise ValueError(f"Image size must be 1 to {MAX_SIZE} pixels a side, got {width}x{height}")
    if background is not None and tuple(background.shape) not in ((channels,), (height, width, channels)):
        shapes = f"({channels},) or ({height}, {width}, {channels})"
        raise ValueError(f"Got a background of shape {tuple(background.shape)} but expected {shapes}")
    if out is not None:
        _check_out(out, (height, width, channels))
    name = choose_backend(gaussians, backend)
    view, focal = raster_view(camera), camera.focal * width / 2
    if name == "native":
        return _render_native(gaussians, view, focal, width, height, background, out, threads)
    result = _render_torch(name, gaussians, view, focal, width, height, background)
    if out is None:
        return result
    for target, value in zip(out, result, strict=True):
        target[...] = value
    return out


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
        quaternions: [N, 4] w, x, y, z; used as they are, without normalising.
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


def raster_view(camera: Camera) -> np.ndarray:
    """[3, 4] float64 view matrix for column vectors, x right, y down, z away."""
    transform = np.asarray(camera.transform, np.float64)
    if transform.shape != (3, 4) or not np.isfinite(transform).all():
        raise ValueError(
            f"Got a camera transform of shape {transform.shape} but expected finite numbers of shape (3, 4)"
        )
    flip = np.array([[-1.0], [-1.0], [1.0]])
    return np.concatenate([transform[:, :3].T, transform[:, 3:]], 1) * flip


def choose_backend(gaussians: Gaussians, backend: str = "auto") -> str:
    """The backend that `rasterize` would take for these Gaussians.

    Raises:
        ValueError: unknown name.
        GagavatarError: it cannot run here.
    """
    asked = os.environ.get("GAGAVATAR_RASTERIZER", "auto") if backend == "auto" else backend
    if asked == "auto":
        choose = _cuda_backend if _is_cuda(gaussians.means) else _cpu_backend
        return choose(_wants_gradient(gaussians))
    if asked not in BACKENDS:
        raise ValueError(f"Unknown rasterizer {asked!r}; choose one of auto, {', '.join(BACKENDS)}")
    if reason := backend_problem(asked):
        raise GagavatarError(f"The rasterizer {asked!r} cannot run here: {reason}")
    return asked


@cache
def backend_problem(name: str) -> str | None:
    """Why a backend cannot run on this machine; None if it can. The first question to `native` builds it."""
    if name == "native":
        try:
            native.load()
        except native.NativeUnavailableError as error:
            return str(error)
        return None
    if _import_torch() is None:
        return "PyTorch is not installed (pip install torch)"
    if name == "gsplat":
        from . import gsplat_backend

        return gsplat_backend.problem()
    if name == "triton":
        try:
            from . import triton_backend
        except ImportError:
            return "Triton is not installed (pip install triton, on Windows triton-windows)"
        return triton_backend.problem()
    return None


def available_backends() -> list[str]:
    """Names of the backends that can run on this machine."""
    return [name for name in BACKENDS if backend_problem(name) is None]


def describe() -> dict[str, dict[str, Any]]:
    """What `gagavatar info` shows of each backend: `available`, and details or the `reason` why not."""
    report: dict[str, dict[str, Any]] = {}
    for name in BACKENDS:
        reason = backend_problem(name)
        report[name] = {"available": reason is None} | ({"reason": reason} if reason else {})
    if report["native"]["available"]:
        library = native.load()
        report["native"] |= {
            "compiler": library.origin,
            "library": str(library.path),
            "vector_lanes": library.lanes,
            "threads": native.default_threads(),
        }
    return report


@cache
def _cpu_backend(wants_gradient: bool) -> str:
    if wants_gradient:
        return "torch"
    reason = backend_problem("native")
    if reason is None:
        return "native"
    if backend_problem("torch") is None:
        logger.warning("Rasterizing by PyTorch, about 50 times slower: no compiled rasterizer (%s)", reason)
        return "torch"
    raise GagavatarError(
        f"No rasterizer can run here: {reason}. Run `pip install ziglang` for a compiler, or install torch"
    )


@cache
def _cuda_backend(wants_gradient: bool) -> str:
    reasons = []
    for name in ("gsplat",) if wants_gradient else ("gsplat", "triton"):
        reason = backend_problem(name)
        if reason is None:
            break
        reasons.append(f"{name}: {reason}")
    else:
        name = "torch"
    if reasons:
        logger.warning("Rasterizing by %s on this GPU (%s)", name, "; ".join(reasons))
    return name


def _render_native(
    gaussians: Gaussians,
    view: np.ndarray,
    focal: float,
    width: int,
    height: int,
    background: Array | None,
    out: tuple[Array, Array] | None,
    threads: int | None,
) -> tuple[Array, Array]:
    g = gaussians
    arrays = [_to_numpy(a) for a in (g.means, g.covariances, g.opacities, g.features)]
    under = None if background is None else _to_numpy(background)
    if isinstance(g.means, np.ndarray):
        return native.render(*arrays, view, focal, width, height, under, out, threads)
    import torch

    device = g.means.device
    if out is not None and out[0].device.type == "cpu":
        native.render(*arrays, view, focal, width, height, under, (out[0].numpy(), out[1].numpy()), threads)
        return out
    image, alpha = (
        torch.from_numpy(a).to(device) for a in native.render(*arrays, view, focal, width, height, under, None, threads)
    )
    if out is None:
        return image, alpha
    return out[0].copy_(image), out[1].copy_(alpha)


def _render_torch(
    name: str, gaussians: Gaussians, view: np.ndarray, focal: float, width: int, height: int, background: Array | None
) -> tuple[Array, Array]:
    import torch

    if name == "gsplat":
        from .gsplat_backend import render
    elif name == "triton":
        from .triton_backend import render
    else:
        from .reference import render
    g = gaussians
    given = {"means": g.means, "covariances": g.covariances, "opacities": g.opacities, "features": g.features}
    device = None if isinstance(g.means, np.ndarray) else g.means.device
    if device is None and name != "torch":
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = _working_dtype(g.means, name)
    tensors = {key: torch.as_tensor(value, dtype=dtype, device=device) for key, value in given.items()}
    if tensors["means"].device.type == "cpu":  # asking a GPU would wait for it
        bad = [key for key, value in tensors.items() if not value.isfinite().all()]
        if bad:
            raise ValueError(f"Gaussians hold infinite numbers or NaN in: {', '.join(bad)}")
    device = tensors["means"].device
    under = None if background is None else torch.as_tensor(background, dtype=dtype, device=device)
    view = torch.as_tensor(view, dtype=dtype, device=device)
    if isinstance(g.means, np.ndarray):
        with torch.no_grad():
            return tuple(a.cpu().numpy() for a in render(*tensors.values(), view, focal, width, height, under))
    return render(*tensors.values(), view, focal, width, height, under)


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


def _is_cuda(array: Array) -> bool:
    return not isinstance(array, np.ndarray) and array.device.type == "cuda"


def _wants_gradient(g: Gaussians) -> bool:
    if isinstance(g.means, np.ndarray):
        return False
    import torch

    return torch.is_grad_enabled() and any(a.requires_grad for a in (g.means, g.covariances, g.opacities, g.features))


def _import_torch() -> Any:
    try:
        import torch
    except ImportError:
        return None
    return torch
