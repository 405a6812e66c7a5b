"""How frames are computed: device, precision, batch, backends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ...choices import PRECISIONS, REFINERS
from ...devices import resolve_device

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RenderOptions:
    """Choices that change speed and memory, and the picture by rounding only."""

    device: str = "auto"
    """`auto` (CUDA if there is one, else the CPU), `cpu`, `cuda`, `cuda:1`, `mps`."""
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    """Of the refiner. `auto`: fp16 on CUDA, bf16 on a CPU that computes with it, else fp32, which on CUDA is without
    TF32's rounding."""
    batch_size: int = 0
    """Frames at a time; 0 for 8 on CUDA and 1 elsewhere."""
    channels_last: bool = True
    """Memory layout of the refiner's maps."""
    compile: bool = False
    """torch.compile the refiner: a minute or two at the first frame, faster frames after."""
    cuda_graphs: bool = True
    """On CUDA, replay the refiner as a graph, with stored noise: launching its 400 kernels takes longer than running
    them."""
    refiner: Literal["torch", "openvino"] = "torch"
    """Library that runs the refiner. OpenVINO runs on CPUs and takes some seconds to start."""
    rasterizer: str = "auto"
    """Backend of `rendering.rasterize`."""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"Got precision {self.precision!r} but expected one of {', '.join(PRECISIONS)}.")
        if self.refiner not in REFINERS:
            raise ValueError(f"Got refiner {self.refiner!r} but expected 'torch' or 'openvino'.")
        if self.batch_size < 0:
            raise ValueError(f"Got batch size {self.batch_size} but expected 0 (automatic) or more.")

    def resolve_device(self) -> torch.device:
        """Return the device to compute on. Raises GagavatarError where it is not there."""
        return resolve_device(self.device)

    def resolve_dtype(self, device: torch.device) -> torch.dtype:
        """Return the refiner's precision on `device`."""
        import torch

        if self.precision != "auto":
            return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[self.precision]
        if device.type == "cuda":
            return torch.float16
        return torch.bfloat16 if device.type == "cpu" and cpu_has_fast_bf16() else torch.float32

    def resolve_batch(self, device: torch.device) -> int:
        """Frames at a time on `device`."""
        return self.batch_size or (8 if device.type == "cuda" else 1)


def cpu_has_fast_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AVX-512 BF16 or AMX)."""
    import torch

    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(probe() for name in probes if (probe := getattr(torch.cpu, name, None)) is not None)
