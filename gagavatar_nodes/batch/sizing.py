"""How many workers a machine bears."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..packages import load_package

MEGABYTES = {"embedded": 700, "gagavatar": 3600}
"""Main memory of a worker at 512 pixels, a little more than measured."""
GPU_MEGABYTES = 3000
"""Memory of the GPU of a worker that draws with the network."""
MOST_PER_GPU = 3
"""More than this share of a GPU brings nothing: its queue is full."""
_SPARED = 0.1
"""Of the free memory, for everything else."""


@dataclass(frozen=True)
class Machine:
    """What there is."""

    cores: int
    megabytes: int
    """Free."""
    gpus: tuple[int, ...] = ()
    """Free megabytes of each."""


@dataclass(frozen=True)
class Size:
    """What a pool is made of."""

    workers: int
    devices: tuple[str, ...]
    """Of networks, for one worker after the other; empty: as in the settings."""
    why: str


def pool_size(machine: Machine, models: set[str], device: str = "auto") -> Size:
    """Return how many workers to start for avatars of these models: as cores, memory and GPUs allow, at least one."""
    network = "gagavatar" in models
    memory = MEGABYTES["gagavatar" if network else "embedded"]
    by_memory = int(machine.megabytes * (1 - _SPARED) // memory)
    bounds = {f"{machine.cores} cores": machine.cores, f"{machine.megabytes} MB of free memory": by_memory}
    devices: tuple[str, ...] = ()
    if network and device in ("auto", "cuda") and machine.gpus:
        shares = [max(1, min(MOST_PER_GPU, free // GPU_MEGABYTES)) for free in machine.gpus]
        rounds = range(max(shares))
        devices = tuple(f"cuda:{i}" for turn in rounds for i, share in enumerate(shares) if turn < share)
        bounds[f"{len(machine.gpus)} GPUs"] = len(devices)
    why = min(bounds, key=lambda name: bounds[name])
    return Size(max(1, bounds[why]), devices[: max(1, bounds[why])], why)


def this_machine(with_gpus: bool) -> Machine:
    """Return what is free here; PyTorch is asked for GPUs where networks may run.

    Raises:
        GagavatarError: psutil is not installed.
    """
    psutil = load_package(
        "psutil", "Sizing the workers", "psutil", 'pip install "gagavatar-nodes[batch]", or --workers'
    )
    free = psutil.virtual_memory().available
    limit = _container_limit()
    megabytes = (free if limit is None else min(free, limit)) >> 20
    return Machine(usable_cores(), megabytes, _gpus() if with_gpus else ())


def usable_cores() -> int:
    """Return the processors that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _container_cores() or cores))


def _gpus() -> tuple[int, ...]:
    import torch

    if not torch.cuda.is_available():
        return ()
    return tuple(torch.cuda.mem_get_info(i)[0] >> 20 for i in range(torch.cuda.device_count()))


def _container_limit() -> int | None:
    """Bytes that this container may still take."""
    try:
        most = int(Path("/sys/fs/cgroup/memory.max").read_text())
        return max(0, most - int(Path("/sys/fs/cgroup/memory.current").read_text()))
    except (OSError, ValueError):
        return None


def _container_cores() -> int | None:
    """Whole cores of this container's quota."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return None
