"""Ways to run the refiner: eager, compiled, as a CUDA graph, or by OpenVINO. Each gives logits [B, 3, 512, 512]."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import GagavatarError
from .config import RENDER_SIZE
from .fast_refiner import CPU_STRIPS, FastRefiner
from .options import RenderOptions
from .refiner import Refiner

_log = logging.getLogger(__name__)

Runner = Callable[[Tensor, "list[Tensor] | None"], Tensor]


def make_runner(refiner: Refiner, options: RenderOptions, device: torch.device, dtype: torch.dtype) -> Runner:
    """Return the runner that `options` ask for. Raises GagavatarError where OpenVINO is asked for and cannot run."""
    if options.refiner == "openvino":
        return OpenVinoRunner(refiner, dtype)
    large = refiner.config.render_size >= RENDER_SIZE
    strips = CPU_STRIPS if large and device.type == "cpu" and not options.compile else 1
    fast = FastRefiner(refiner, dtype, options.channels_last, strips).to(device)
    runner: Runner = fast.logits
    if options.compile:
        runner = _CompiledRunner(runner)
    if options.cuda_graphs and device.type == "cuda":
        runner = _GraphRunner(runner)
    return runner


class _CompiledRunner:
    """torch.compile with a way back: where the compiler fails, the eager function serves."""

    def __init__(self, eager: Runner) -> None:
        self._eager = eager
        self._run = torch.compile(eager, dynamic=False)

    def __call__(self, features: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        try:
            return self._run(features, noise)
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:
            if self._run is self._eager:
                raise
            _log.warning("torch.compile cannot run here (%s); frames are computed uncompiled.", _first_line(error))
            self._run = self._eager
            return self._eager(features, noise)


class _GraphRunner:
    """Captures the function once per batch size and replays it; falls back to calling it."""

    _WARM_UP = 3

    def __init__(self, run: Runner) -> None:
        self._run = run
        self._graphs: dict[torch.Size, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}
        self._usable = True

    def __call__(self, features: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        if noise is not None or not self._usable:  # fresh noise is not part of a captured graph
            return self._run(features, noise)
        if features.shape not in self._graphs:
            try:
                self._graphs[features.shape] = self._capture(features)
            except torch.cuda.OutOfMemoryError:
                raise
            except Exception as error:
                _log.warning(
                    "CUDA graphs cannot be used here (%s); frames are launched one by one.", _first_line(error)
                )
                self._usable = False
                return self._run(features, None)
        graph, entry, result = self._graphs[features.shape]
        entry.copy_(features)
        graph.replay()
        return result

    def _capture(self, features: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        entry = features.clone()
        side = torch.cuda.Stream(features.device)
        side.wait_stream(torch.cuda.current_stream(features.device))
        with torch.cuda.stream(side):
            for _ in range(self._WARM_UP):
                result = self._run(entry, None)
        torch.cuda.current_stream(features.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the GPU meanwhile: ComfyUI's, or a reader of frames.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            result.copy_(self._run(entry, None))  # into memory that is not the graph's, and can be freed like any other
        return graph, entry, result


class _RowsOfPixels(nn.Module):
    """The refiner for features as the rasterizer lays them out, [1, 512, 512, C]."""

    def __init__(self, refiner: FastRefiner) -> None:
        super().__init__()
        self.refiner = refiner

    def forward(self, pixels: Tensor) -> Tensor:
        return self.refiner.logits(pixels.permute(0, 3, 1, 2))


class OpenVinoRunner:
    """The refiner by OpenVINO on the CPU, frame by frame, with the stored noise."""

    def __init__(self, refiner: Refiner, dtype: torch.dtype) -> None:
        try:
            import openvino
        except ImportError:
            raise GagavatarError(
                "The refiner by OpenVINO needs the package openvino: pip install openvino, or take the refiner 'torch'."
            ) from None
        config = refiner.config
        pixels = torch.zeros(1, config.render_size, config.render_size, config.feature_channels)
        module = _RowsOfPixels(FastRefiner(refiner.cpu(), channels_last=False)).eval()
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of each choice by batch size, which is fixed here
            traced = torch.jit.freeze(torch.jit.trace(module, pixels, check_trace=False))
        model = openvino.convert_model(traced, input=(list(pixels.shape), openvino.Type.f32))
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if dtype == torch.bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()

    def __call__(self, features: Tensor, noise: list[Tensor] | None = None) -> Tensor:
        """Return the refined pictures of a batch of features."""
        if noise is not None:
            raise GagavatarError(
                "The refiner by OpenVINO has stored noise only: take the refiner 'torch' for fresh noise."
            )
        frames = [
            np.array(self._request.infer([np.ascontiguousarray(frame.permute(1, 2, 0).float())[None]])[0])
            for frame in features.cpu()
        ]
        return torch.from_numpy(np.concatenate(frames))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
