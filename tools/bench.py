"""Benchmarks. `python tools/bench.py` lists them; `python tools/bench.py rasterizer --threads 2` runs one.

Times are medians of batches. A batch during which other processes used the processors is thrown away where the system
tells (Linux); where no quiet batch comes within the time allowed, all batches count and the report says `loaded`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import bench_animate as animate_parts
import bench_gagavatar as gagavatar_parts
import bench_tracking as tracking_parts
from gagavatar_nodes.rendering.covariance import covariances_from_quaternions
from gagavatar_nodes.types import Camera, Gaussians

QUIET = 0.06
"""Share of the processors that others may use during a batch that counts."""


def measure(run: Callable[[], Any], batch_s: float = 0.4, batches: int = 10, limit_s: float = 40) -> dict[str, Any]:
    """Median and minimum milliseconds of `run` over quiet batches."""
    run()
    start = time.perf_counter()
    run()
    repeats = max(1, int(batch_s / (time.perf_counter() - start)))
    quiet, loaded, deadline = [], [], time.perf_counter() + limit_s
    while len(quiet) < batches and time.perf_counter() < deadline:
        begin, times = (_busy_seconds(), _own_seconds(), time.perf_counter()), []
        for _ in range(repeats):
            start = time.perf_counter()
            run()
            times.append((time.perf_counter() - start) * 1e3)
        busy, own, wall = _busy_seconds() - begin[0], _own_seconds() - begin[1], time.perf_counter() - begin[2]
        (quiet if (busy - own) / wall / (os.cpu_count() or 1) < QUIET else loaded).append(times)
    taken = np.concatenate(quiet or loaded)
    return {
        "median_ms": round(float(np.median(taken)), 2),
        "min_ms": round(float(taken.min()), 2),
        "runs": len(taken),
        "machine": "quiet" if quiet else "loaded",
    }


def head_scene(channels: int, lattice: int = 296, mesh: int = 5023, size: int = 512) -> tuple[Gaussians, Camera]:
    """Gaussians laid out as GAGAvatar's: a head-sized ellipsoid of two lifted planes and a mesh, 180,255 in all."""
    g = np.random.default_rng(0)
    axes = np.array([0.75, 1.0, 0.85])
    u = (np.arange(lattice) + 0.5) / lattice * 2 - 1
    a, b = np.meshgrid(u, u)
    x, y = (a * np.sqrt(1 - b * b / 2)).ravel(), (b * np.sqrt(1 - a * a / 2)).ravel()
    z = np.sqrt(np.clip(1 - x * x - y * y, 0, 1))
    points = g.standard_normal((mesh, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    means = np.concatenate([points, np.stack([x, y, z], 1), np.stack([x, y, -z], 1)]) * axes
    count = len(means)
    means += g.standard_normal(means.shape) * 0.004
    scales = np.exp(g.uniform(np.log(0.002), np.log(0.012), (count, 3)))
    quaternions = g.standard_normal((count, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    arrays = (
        means,
        covariances_from_quaternions(quaternions, scales),
        g.uniform(0.3, 0.99, count),
        g.uniform(0, 1, (count, channels)),
    )
    distance = 12 * size / (0.7 * size)  # the head fills 70 % of the height
    return Gaussians(*(np.ascontiguousarray(a, np.float32) for a in arrays)), Camera.frontal(distance)


def bench_rasterizer(options: argparse.Namespace) -> dict[str, Any]:
    """180,255 Gaussians at 512x512: the compiled backend with 32, 4 and 3 channels, and the PyTorch reference."""
    from gagavatar_nodes.rendering import describe, rasterize

    if options.backward:
        return _bench_backward(512, options.threads)

    size, report = 512, {"backend": describe()["native"]}
    for channels in (32, 4, 3):
        gaussians, camera = head_scene(channels)
        out = np.empty((size, size, channels), np.float32), np.empty((size, size), np.float32)
        report[f"native_{channels}"] = measure(
            lambda g=gaussians, c=camera, o=out: rasterize(
                g, c, size, size, backend="native", out=o, threads=options.threads
            )
        )
    report["reference_32"] = _bench_reference(size, options.threads)
    report["speedup_32"] = round(report["reference_32"]["median_ms"] / report["native_32"]["median_ms"], 1)
    report |= _bench_cuda(size)
    report["targets"] = {"native_32 median_ms": 22, "native_4 median_ms": 14, "speedup_32": 45}
    return report


def _bench_cuda(size: int) -> dict[str, Any]:
    """gsplat and Triton in one run, and how far the image of each is from the reference's; nothing without a GPU."""
    import torch

    if not torch.cuda.is_available():
        return {"cuda": "not measured: no GPU"}
    from gagavatar_nodes.rendering import available_backends, rasterize

    g, camera = head_scene(32)
    cuda = Gaussians(*(torch.from_numpy(a).cuda() for a in (g.means, g.covariances, g.opacities, g.features)))

    def draw(backend: str) -> torch.Tensor:
        image, _ = rasterize(cuda, camera, size, size, backend=backend)
        torch.cuda.synchronize()
        return image

    report: dict[str, Any] = {"gpu": torch.cuda.get_device_name()}
    with torch.no_grad():
        reference = draw("torch")
        for backend in sorted({"gsplat", "triton"} & set(available_backends())):
            relative = ((draw(backend) - reference).norm() / reference.norm()).item()
            report[f"{backend}_32"] = measure(lambda b=backend: draw(b)) | {"difference": relative}
    return report


def _bench_reference(size: int, threads: int | None) -> dict[str, Any]:
    import torch

    from gagavatar_nodes.rendering import rasterize

    if threads:
        torch.set_num_threads(threads)
    g, camera = head_scene(32)
    tensors = Gaussians(*(torch.from_numpy(a) for a in (g.means, g.covariances, g.opacities, g.features)))
    with torch.no_grad():
        return measure(lambda: rasterize(tensors, camera, size, size, backend="torch"), batches=5)


def _bench_backward(size: int, threads: int | None) -> dict[str, Any]:
    """Time a training step's share.

    The picture, and the gradients of all four arrays, by autograd through each backend.
    """
    import torch

    from gagavatar_nodes.rendering import rasterize

    if threads:
        torch.set_num_threads(threads)
    g, camera = head_scene(32)
    toward = torch.from_numpy(np.random.default_rng(1).standard_normal((size, size, 32), np.float32))
    arrays = (g.means, g.covariances, g.opacities, g.features)

    def step(backend: str) -> tuple[float, float, list[torch.Tensor]]:
        tensors = [torch.from_numpy(a).requires_grad_() for a in arrays]
        times = [time.perf_counter()]
        image, alpha = rasterize(Gaussians(*tensors), camera, size, size, backend=backend, threads=threads)
        times.append(time.perf_counter())
        torch.autograd.backward([image, alpha], [toward, toward[..., 0]])
        times.append(time.perf_counter())
        return times[1] - times[0], times[2] - times[1], [a.grad for a in tensors]

    report: dict[str, Any] = {}
    found = {}
    for backend, repeats in (("native", 25), ("torch", 1), ("native", 25)):
        steps = [step(backend) for _ in range(repeats + (backend == "native"))][-repeats:]
        found[backend] = steps[-1][2]
        row = report.setdefault(f"{backend}_32", {"forward_ms": [], "backward_ms": []})
        for times, index in ((row["forward_ms"], 0), (row["backward_ms"], 1)):
            times.extend(taken[index] * 1e3 for taken in steps)
    for row in report.values():
        row |= {key: round(float(np.median(times)), 1) for key, times in row.items()}
    names = ("means", "covariances", "opacities", "features")
    report["difference"] = {
        name: float((ours - theirs).norm() / theirs.norm())
        for name, ours, theirs in zip(names, found["native"], found["torch"], strict=True)
    }
    native, reference = (sum(report[key].values()) for key in ("native_32", "torch_32"))
    report["speedup_32"] = round(reference / native, 1)
    report["targets"] = {"native_32 backward_ms": 300, "speedup_32": 20}
    return report


def bench_gagavatar(options: argparse.Namespace) -> dict[str, Any]:
    """GAGAvatar: lifting, and a frame at batch 1 and 8 split into head model, rasterizer and refiner."""
    return gagavatar_parts.run(options, measure, head_scene)


def bench_animate(options: argparse.Namespace) -> dict[str, Any]:
    """`gagavatar animate` from start to finish on the embedded avatar: wall time, frames a second, peak memory."""
    return animate_parts.run(tuple(options.seconds))


def bench_tracking(options: argparse.Namespace) -> dict[str, Any]:
    """Time a frame of the bundled driver.

    Detection-free tracking, and FLAME fitted to it, live and many frames at once.
    """
    return tracking_parts.run(options, measure)


def bench_startup(options: argparse.Namespace) -> dict[str, Any]:
    """Median seconds of an import and of `gagavatar --help`, the interpreter's own start included."""
    return animate_parts.startup()


BENCHMARKS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "rasterizer": bench_rasterizer,
    "gagavatar": bench_gagavatar,
    "tracking": bench_tracking,
    "animate": bench_animate,
    "startup": bench_startup,
}


def machine() -> dict[str, Any]:
    """Return what the numbers were taken on."""
    names = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    name = names[0].partition(":")[2].strip() if names else platform.processor()
    return {"processor": name, "cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}


def _busy_seconds() -> float:
    """Processor seconds that anybody has used since the start of the machine."""
    lines = _lines("/proc/stat")
    if not lines:
        return _own_seconds()
    ticks = [int(x) for x in lines[0].split()[1:]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="benchmark", required=True)
    for name, bench in BENCHMARKS.items():
        command = commands.add_parser(name, help=bench.__doc__, description=bench.__doc__)
        command.add_argument("--threads", type=int, help="processor threads (default: all)")
        if name == "rasterizer":
            command.add_argument("--backward", action="store_true", help="gradients instead, by autograd")
        if name == "gagavatar":
            gagavatar_parts.add_options(command)
        if name == "animate":
            command.add_argument("--seconds", type=float, nargs="+", default=[4, 10], help="lengths of the driver")
    options = parser.parse_args()
    print(json.dumps({"machine": machine(), options.benchmark: BENCHMARKS[options.benchmark](options)}, indent=2))


if __name__ == "__main__":
    main()
