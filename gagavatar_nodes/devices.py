"""Where PyTorch computes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from .errors import GagavatarError

if TYPE_CHECKING:
    import torch


def has_torch() -> bool:
    """Return whether PyTorch is installed."""
    return find_spec("torch") is not None


def has_cuda() -> bool:
    """Return whether PyTorch is installed and sees a GPU."""
    if not has_torch():
        return False
    import torch

    return torch.cuda.is_available()


def require_torch() -> None:
    """Check that PyTorch is installed.

    Raises:
        GagavatarError: it is not; the message says how to install it.
    """
    if not has_torch():
        raise GagavatarError(
            'GAGAvatar and FLAME need PyTorch: pip install "gagavatar-nodes[gagavatar]", or use the embedded avatar'
        )


def resolve_device(name: str) -> torch.device:
    """Return the device that a name means: auto (CUDA if there is one, else the CPU), cpu, cuda, cuda:1, mps.

    Raises:
        GagavatarError: it is not there.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise GagavatarError(f"There is no device {name!r}: choose auto, cpu, cuda or mps.") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        built = f"was built for CUDA {torch.version.cuda}" if torch.version.cuda else "was built without CUDA"
        raise GagavatarError(
            f"Device {name} was asked for, but PyTorch {torch.__version__} {built} and sees "
            f"{torch.cuda.device_count()} CUDA devices: choose --device cpu, or install PyTorch with CUDA."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise GagavatarError("Device mps was asked for, but it needs macOS on Apple silicon: choose --device cpu.")
    if device.type not in ("cpu", "cuda", "mps"):
        raise GagavatarError(f"Device {name!r} is not supported: choose auto, cpu, cuda or mps.")
    return device
