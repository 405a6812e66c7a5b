"""The benchmark `gagavatar` of tools/bench.py: lifting, and a frame split into head model, rasterizer and refiner.

Without a checkpoint the weights are the tests' random ones and the splats those of the rasterizer's benchmark: the
same work, another picture.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

TESTS = Path(__file__).resolve().parents[1] / "tests"
BATCHES = (1, 8)
TARGETS = {
    "cpu": {"rasterizer + refiner ms, fp32": 450, "the same, bf16 where fast": 220, "lift ms": 4900, "psnr": 45},
    "cuda": {"fps at batch 8": 300, "fps at batch 1": 150, "peak memory GB": 3, "psnr": 40},
}


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options beside `--threads`."""
    command.add_argument("--checkpoint", help="GAGAvatar.pt or its safetensors form (default: random weights)")
    command.add_argument("--device", default="auto")
    command.add_argument("--precision", default="auto", choices=("auto", "fp32", "fp16", "bf16"))
    command.add_argument("--refiner", default="torch", choices=("torch", "openvino"))
    command.add_argument("--rasterizer", default="auto")
    command.add_argument("--compile", action="store_true")
    command.add_argument("--no-cuda-graphs", action="store_true")
    command.add_argument("--no-channels-last", action="store_true")
    command.add_argument("--no-lift", action="store_true", help="skip the lifting")


def run(options: argparse.Namespace, measure: Callable[..., dict[str, Any]], head_scene: Callable) -> dict[str, Any]:
    """Return the report; see `bench.bench_gagavatar`."""
    import torch

    from gagavatar_nodes.lifting.gagavatar import GAGAvatarPredictor, PortraitGaussians, RenderOptions
    from gagavatar_nodes.rendering.backends import choose_backend

    sys.path.insert(0, str(TESTS / "helpers"))
    import gagavatar_recipe as recipe

    if options.threads:
        torch.set_num_threads(options.threads)
    chosen = RenderOptions(
        device=options.device, precision=options.precision, batch_size=max(BATCHES), refiner=options.refiner,
        rasterizer=options.rasterizer, compile=options.compile, cuda_graphs=not options.no_cuda_graphs,
        channels_last=not options.no_channels_last,
    )  # fmt: skip
    if options.checkpoint:
        avatar = GAGAvatarPredictor.load(options.checkpoint, chosen)
    else:
        avatar = GAGAvatarPredictor.from_state_dict(recipe.published_state_dict(0), chosen)
    inputs = recipe.case_inputs(0)
    report = _setting(avatar, options)
    timed = _synchronized(measure, avatar.device)
    if options.checkpoint or not options.no_lift:
        lifted = avatar.lift(inputs["image"], inputs["source_camera"])
        if not options.no_lift:
            report["lift"] = timed(lambda: avatar.lift(inputs["image"], inputs["source_camera"]), batches=3, limit_s=30)
    camera = inputs["target_camera"]
    if not options.checkpoint:
        g, camera = head_scene(32)
        lifted = PortraitGaussians(g.means[5023:], g.covariances, g.opacities, g.features, inputs["source_camera"])
        camera = camera.transform
    scene = avatar._scene_of(lifted)
    report["rasterizer_backend"] = choose_backend(scene._gaussians, options.rasterizer)
    if avatar.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for batch in BATCHES:
        report[f"batch_{batch}"] = _stages(avatar, scene, inputs["head_points"], camera, batch, timed)
        report[f"batch_{batch}"]["streamed fps"] = _streamed(avatar, lifted, inputs["head_points"], camera)
    report["psnr_to_fp32_db"] = _psnr(avatar, scene, inputs["head_points"], camera)
    if avatar.device.type == "cuda":
        report["peak_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    report["targets"] = TARGETS.get(avatar.device.type, {})
    return report


def _setting(avatar: Any, options: argparse.Namespace) -> dict[str, Any]:
    import torch

    device = avatar.device
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "precision": str(avatar.dtype).removeprefix("torch."),
        "refiner": options.refiner
        + (" compiled" if options.compile else "")
        + (" graph" if device.type == "cuda" and not options.no_cuda_graphs else ""),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "weights": "checkpoint" if options.checkpoint else "random",
    }


def _stages(avatar: Any, scene: Any, points: np.ndarray, camera: np.ndarray, batch: int, timed: Callable) -> dict:
    """Milliseconds a frame of each stage, and frames a second of all three."""
    import torch

    device = avatar.device
    head = _head_model(device)
    codes = [torch.zeros(batch, size, device=device) for size in (300, 100, 3, 6)]
    cameras, heads = np.stack([camera] * batch), torch.from_numpy(np.stack([points] * batch)).to(device)
    avatar.batch_size = batch
    with torch.inference_mode():
        features, _ = scene.rasterize(heads, cameras)
        features = features.to(device)
        stages = {
            "head model": lambda: head(*codes),
            "rasterizer": lambda: scene.rasterize(heads, cameras),
            "refiner": lambda: avatar.refine(features),
        }
        times = {name: timed(stage, batches=6, limit_s=15) for name, stage in stages.items()}
    frame = {f"{name} ms": round(time["median_ms"] / batch, 2) for name, time in times.items()}
    total = sum(frame.values())
    quiet = all(time["machine"] == "quiet" for time in times.values())
    return frame | {"fps": round(1e3 / total, 1), "machine": "quiet" if quiet else "loaded"}


def _streamed(avatar: Any, lifted: Any, points: np.ndarray, camera: np.ndarray, seconds: float = 3.0) -> float:
    """Frames a second that arrive as arrays in main memory, without the head model."""
    import torch

    heads = torch.from_numpy(points).to(avatar.device)
    frames, count = avatar.render(lifted, repeat((heads, camera))), 0
    for _ in range(2 * avatar.batch_size):
        next(frames)
    start = time.perf_counter()
    while time.perf_counter() < start + seconds:
        for _ in range(avatar.batch_size):
            next(frames)
        count += avatar.batch_size
    return round(count / (time.perf_counter() - start), 1)


def _head_model(device: Any) -> Any:
    """FLAME with random blendshapes of the real sizes: the real ones need the user's consent to their license."""
    import parity_recipe
    from gagavatar_nodes.heads.flame import Flame

    return Flame(parity_recipe.synthetic_flame(0)).to(device)


def _psnr(avatar: Any, scene: Any, points: np.ndarray, camera: np.ndarray) -> float:
    """Of the refiner's picture to the readable refiner's in float32."""
    import torch

    with torch.inference_mode():
        features, _ = scene.rasterize(torch.from_numpy(points)[None].to(avatar.device), camera[None])
        features = features.to(avatar.device).float().contiguous()
        difference = avatar.refine(features) - avatar.network.to(avatar.device).upsampler(features)
        return round(float(-10 * torch.log10(difference.square().mean().clamp_min(1e-20))), 1)


def _synchronized(measure: Callable[..., dict[str, Any]], device: Any) -> Callable[..., dict[str, Any]]:
    """`measure` of work that is done when it returns, after warm-up calls (compilation, autotuning, graph capture)."""
    import torch

    def timed(work: Callable[[], Any], **settings: Any) -> dict[str, Any]:
        def finished() -> None:
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            elif device.type == "mps":
                torch.mps.synchronize()

        for _ in range(5 if device.type == "cuda" else 1):
            finished()
        return measure(finished, **settings)

    return timed
