"""Rasterizer backends: which of them can run here, and which one serves a set of Gaussians."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Any

import numpy as np

from ..errors import GagavatarError
from ..types import Array, Gaussians
from . import native

logger = logging.getLogger(__name__)

BACKENDS = ("native", "torch", "gsplat", "triton")
"""`native` compiled for the CPU, `torch` the plain reference on any device, `gsplat` and `triton` for CUDA."""


def choose_backend(gaussians: Gaussians, backend: str = "auto") -> str:
    """Return the backend that `rasterize` would take for these Gaussians.

    Raises:
        ValueError: unknown name.
        GagavatarError: it cannot run here, or gradients are wanted of one that has none.
    """
    asked = os.environ.get("GAGAVATAR_RASTERIZER", "auto") if backend == "auto" else backend
    if asked == "auto":
        gradient = wants_gradient(*vars(gaussians).values())
        if _is_cuda(gaussians.means):
            return _cuda_backend(gradient)
        return "torch" if gradient and _is_double(gaussians.means) else _cpu_backend()
    if asked not in BACKENDS:
        raise ValueError(f"Unknown rasterizer {asked!r}; choose one of auto, {', '.join(BACKENDS)}")
    if asked == "triton" and wants_gradient(*vars(gaussians).values()):
        raise GagavatarError("The rasterizer 'triton' has no gradients; choose auto, native, gsplat or torch")
    if reason := backend_problem(asked):
        raise GagavatarError(f"The rasterizer {asked!r} cannot run here: {reason}")
    return asked


@cache
def backend_problem(name: str) -> str | None:
    """Return why a backend cannot run on this machine; None if it can. The first question to `native` builds it."""
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
    """Return the names of the backends that can run on this machine."""
    return [name for name in BACKENDS if backend_problem(name) is None]


def describe() -> dict[str, dict[str, Any]]:
    """Return what `gagavatar info` shows of each backend: `available`, and details or the `reason` why not."""
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


def wants_gradient(*arrays: Array | None) -> bool:
    """Return whether autograd would follow what is drawn of these arrays."""
    if not any(getattr(a, "requires_grad", False) for a in arrays):
        return False
    import torch

    return torch.is_grad_enabled()


@cache
def _cpu_backend() -> str:
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


def _is_cuda(array: Array) -> bool:
    return not isinstance(array, np.ndarray) and array.device.type == "cuda"


def _is_double(array: Array) -> bool:
    return str(array.dtype).endswith("float64")


def _import_torch() -> Any:
    try:
        import torch
    except ImportError:
        return None
    return torch
