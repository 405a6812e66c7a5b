"""The compiled CPU rasterizer (`native_source/rasterizer.c`) behind ctypes; needs NumPy alone."""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..types import Gaussians
from . import native_build
from .native_build import BuildError
from .view import View

logger = logging.getLogger(__name__)

INTERFACE = 2
"""Number of the library's C interface, `raster_interface()` in the source."""
MAX_THREADS = 16
"""Threads taken by default: beyond this the memory is the bottleneck."""
OUT_OF_MEMORY = 16
TOO_DENSE = 32
TILE = 16
MAX_PAIRS = 2**33
"""(splat, tile) pairs of a frame: `MAX_PAIRS` of the source, beyond which a frame would take minutes."""
NOT_FINITE = {1: "means", 2: "covariances", 4: "opacities", 8: "features"}

_float_p = ctypes.c_void_p


class _RenderCall(ctypes.Structure):
    """`RenderCall` of the source."""

    _fields_ = [
        *(
            (name, _float_p)
            for name in ("means", "covariances", "opacities", "features", "background", "image", "alpha")
        ),
        ("view", ctypes.c_float * 12),
        ("focal", ctypes.c_float),
        *(
            (name, ctypes.c_int32)
            for name in ("count", "channels", "width", "height", "background_is_image", "threads")
        ),
    ]


class _GradientCall(ctypes.Structure):
    """`GradientCall` of the source."""

    _fields_ = [
        ("frame", _RenderCall),
        *(
            (name, _float_p)
            for name in ("to_image", "to_alpha", "to_means", "to_covariances", "to_opacities", "to_features")
        ),
    ]


@dataclass(frozen=True)
class Library:
    """The loaded library."""

    handle: ctypes.CDLL
    path: Path
    origin: str
    """`prebuilt`, or the name of the compiler that made it."""

    @property
    def lanes(self) -> int:
        """Pixels that one vector holds."""
        return self.handle.raster_lanes()


class NativeUnavailableError(Exception):
    """The compiled rasterizer can neither be found nor built here."""


class _Context:
    """Scratch memory of one Python thread."""

    def __init__(self, library: Library) -> None:
        self._destroy = library.handle.raster_destroy
        self.pointer = ctypes.c_void_p(library.handle.raster_create())

    def __del__(self) -> None:
        self._destroy(self.pointer)


_loading = threading.Lock()
_contexts = threading.local()


def load() -> Library:
    """Return the library, loaded once a process; the first call on a machine compiles it, about a second.

    Raises:
        NativeUnavailableError: with the reason.
    """
    with _loading:
        result = _load_once()
    if isinstance(result, str):
        raise NativeUnavailableError(result)
    return result


@functools.cache
def _load_once() -> Library | str:
    """Return the library, or why there is none: a failure is remembered like a success."""
    problems = []
    if path := native_build.prebuilt():
        try:
            return _open(path, "prebuilt")
        except OSError as error:
            problems.append(f"{path.name}: {error}")
    compilers = native_build.compilers()
    for compiler in compilers:
        path = native_build.find_build(compiler)
        try:
            if path:
                return _open(path, compiler.name)
        except OSError:
            with suppress(OSError):
                if path:
                    path.unlink()
    for compiler in compilers:
        logger.info("Compiling the rasterizer for this processor, once")
        try:
            return _open(native_build.build(compiler), compiler.name)
        except (BuildError, OSError) as error:
            problems.append(f"{compiler.name}: {error}")
    if not compilers:
        problems.append("no compiler found; `pip install ziglang` brings one")
    return "; ".join(problems)


def _open(path: Path, origin: str) -> Library:
    handle = ctypes.CDLL(str(path))
    handle.raster_create.restype = ctypes.c_void_p
    handle.raster_create.argtypes = []
    handle.raster_destroy.restype = None
    handle.raster_destroy.argtypes = [ctypes.c_void_p]
    if handle.raster_interface() != INTERFACE:
        raise OSError(f"interface {handle.raster_interface()} but expected {INTERFACE}")
    handle.raster_render.argtypes = [ctypes.c_void_p, ctypes.POINTER(_RenderCall)]
    handle.raster_gradient.argtypes = [ctypes.c_void_p, ctypes.POINTER(_GradientCall)]
    return Library(handle, path, origin)


def default_threads() -> int:
    """`GAGAVATAR_THREADS`, or the processors this process may use, 16 at most."""
    if wanted := os.environ.get("GAGAVATAR_THREADS"):
        try:
            return max(1, int(wanted))
        except ValueError:
            raise ValueError(f"GAGAVATAR_THREADS must be a whole number, got {wanted!r}") from None
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, MAX_THREADS)


def render(
    gaussians: Gaussians, view: View, out: tuple[np.ndarray, np.ndarray] | None = None, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rasterize; the GIL is released meanwhile, and concurrent callers do not disturb each other.

    Args:
        gaussians: numpy, of any real dtype; drawn in float32.
        view: its background numpy as well.
        out: contiguous float32 image [height, width, C] and alpha [height, width] to write into.
        threads: `default_threads()` unless given.

    Returns:
        `out`, or new arrays of that kind.

    Raises:
        ValueError: a number is infinite or not a number, or the Gaussians cover the image many thousand times.
        MemoryError: no room for the scratch arrays.
        NativeUnavailableError: see `load`.
    """
    arrays = _float32(gaussians)
    background = None if view.background is None else np.ascontiguousarray(view.background, np.float32)
    if out is None:
        shape = view.height, view.width, arrays[3].shape[1]
        out = np.empty(shape, np.float32), np.empty(shape[:2], np.float32)
    call = _render_call(arrays, view, threads, background, out)
    _run("raster_render", call, arrays, view)
    return out


def gradient(
    gaussians: Gaussians,
    view: View,
    to_image: np.ndarray | None,
    to_alpha: np.ndarray | None,
    threads: int | None = None,
) -> Gaussians:
    """Return the gradients of a loss for the Gaussians that `render` drew on black; the GIL is released meanwhile.

    They follow the published backward pass (3D Gaussian Splatting, arXiv 2308.04079): the cap of alpha at 0.99 is not
    differentiated, and beyond 1.3 times the field of view a Gaussian's x and y do not act on its Jacobian. To the bit
    the same for any number of threads.

    Args:
        gaussians: as for `render`.
        view: as for `render`; its background is not used.
        to_image: [height, width, C] d loss / d image; None for zero.
        to_alpha: [height, width] d loss / d alpha; None for zero.
        threads: as for `render`.

    Returns:
        d loss / d each array, float32. A covariance's number off the diagonal stands for both of its places.

    Raises:
        ValueError: as `render`.
        MemoryError: as `render`.
        NativeUnavailableError: see `load`.
    """
    arrays = _float32(gaussians)
    given = [None if a is None else np.ascontiguousarray(a, np.float32) for a in (to_image, to_alpha)]
    result = [np.empty(a.shape, np.float32) for a in arrays]
    pointers = (None if a is None else a.ctypes.data for a in (*given, *result))
    call = _GradientCall(_render_call(arrays, view, threads), *pointers)
    _run("raster_gradient", call, arrays, view)
    return Gaussians(*result)


def _float32(g: Gaussians) -> list[np.ndarray]:
    return [np.ascontiguousarray(a, np.float32) for a in (g.means, g.covariances, g.opacities, g.features)]


def _render_call(
    arrays: list[np.ndarray],
    view: View,
    threads: int | None,
    background: np.ndarray | None = None,
    out: tuple[np.ndarray, np.ndarray] | None = None,
) -> _RenderCall:
    return _RenderCall(
        *(a.ctypes.data for a in arrays),
        None if background is None else background.ctypes.data,
        *((None, None) if out is None else (a.ctypes.data for a in out)),
        (ctypes.c_float * 12)(*view.transform.ravel().tolist()),
        view.focal,
        *(*arrays[3].shape, view.width, view.height, int(background is not None and background.ndim == 3)),
        default_threads() if threads is None else threads,
    )


def _run(function: str, call: ctypes.Structure, arrays: list[np.ndarray], view: View) -> None:
    """Call the library; `arrays` are the Gaussians', to name in errors."""
    library = load()
    if not hasattr(_contexts, "value"):
        _contexts.value = _Context(library)
    problems = getattr(library.handle, function)(_contexts.value.pointer, ctypes.byref(call))
    if not problems:
        return
    what = f"{len(arrays[0])} Gaussians at {view.width}x{view.height}"
    if problems & OUT_OF_MEMORY:
        raise MemoryError(f"No memory for rasterizing {what}; use a smaller size")
    if problems & TOO_DENSE:
        raise ValueError(
            f"{what} cover its {TILE}-pixel tiles more than {MAX_PAIRS:,} times; use a smaller image, or smaller or "
            "fewer Gaussians"
        )
    names = ", ".join(name for bit, name in NOT_FINITE.items() if problems & bit)
    raise ValueError(f"Gaussians hold infinite numbers or NaN in: {names}")
