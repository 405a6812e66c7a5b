"""Devices, processes and precision of a run, and the signals that end it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import torch

from ..errors import GagavatarError
from ..packages import load_package
from .config import TrainConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def make_fabric(config: TrainConfig) -> Fabric:
    """Return the devices and processes of a configuration.

    Raises:
        GagavatarError: Fabric is not installed, or there are no such devices.
    """
    load_package("lightning_fabric", "Training", "Lightning Fabric", 'run pip install "gagavatar-nodes[train]"')
    from lightning_fabric import Fabric
    from lightning_fabric.strategies import DDPStrategy
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    loop = config.loop
    strategy: Any = "auto" if loop.devices == loop.machines == 1 else DDPStrategy(find_unused_parameters=True)
    try:
        return Fabric(
            accelerator=loop.accelerator,
            strategy=strategy,
            devices=loop.devices,
            num_nodes=loop.machines,
            precision="32-true",  # its mixed precision would round cameras and points too; see `autocast`
        )
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise GagavatarError(
            f"loop.accelerator={loop.accelerator} with {loop.devices} devices: {' '.join(str(error).split())}"
        ) from error


def autocast(precision: str, device: torch.device) -> AbstractContextManager[None]:
    """Mixed precision for the network, in a `with` block, where `precision` is bf16."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def set_tf32(allowed: bool) -> None:
    """Whether matrix products and convolutions on CUDA may round to TF32."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM wait for the end of a step; a second one does not. Gives whether one came."""
    came: list[int] = []

    def note(number: int, frame: Any) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    chosen = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = [(number, signal.signal(number, note)) for number in chosen]
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
