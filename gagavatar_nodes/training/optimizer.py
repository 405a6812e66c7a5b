"""Optimizer groups and schedule as published."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from ..errors import GagavatarError

BACKBONE = "base_model.dino_model"
"""The part that published training keeps frozen."""
_SLOW = ("style_mlp", "final_linear")


@dataclass(frozen=True)
class OptimizerConfig:
    """Return Adam and its schedule.

    With the first beta at 0 and this eps, the first step moves each weight by the rate, whatever its gradient, unless
    that is below 1e-8: another eps changes how the expression head learns.
    """

    rate: float = 1e-4
    """Learning rate at the first step."""
    slow_factor: float = 0.1
    """Times the rate, for the neural renderer's style layers."""
    gaussian_factor: float = 1.0
    """Times the rate, for the Gaussian heads' layers; they are a group of their own."""
    betas: tuple[float, float] = (0.0, 0.99)
    eps: float = 1e-8
    final_factor: float = 0.1
    """Times the rate, from `decay_steps` on; linear until then."""
    decay_steps: int = 200_000


def freeze(network: nn.Module, parts: Iterable[str] = (BACKBONE,)) -> None:
    """Keep parameters fixed whose name begins with one of `parts`, at a dot or whole.

    Raises:
        GagavatarError: the network has no such part; the line names the nearest that it has.
    """
    names = [name for name, _ in network.named_parameters()]
    for part in parts:
        chosen = [name for name in names if name == part or name.startswith(f"{part}.")]
        if not chosen:
            raise GagavatarError(f"freeze: the network has no part {part!r}; {_suggestion(part, names)}")
        for name in chosen:
            network.get_parameter(name).requires_grad_(False)


def build_optimizer(network: nn.Module, config: OptimizerConfig | None = None) -> torch.optim.Adam:
    """Adam over the trainable parameters, in the groups `normal`, `slow` and `gaussians`; empty groups are left out."""
    config = config or OptimizerConfig()
    rates = {"normal": config.rate, "slow": config.rate * config.slow_factor,
             "gaussians": config.rate * config.gaussian_factor}  # fmt: skip
    groups: dict[str, list[nn.Parameter]] = {name: [] for name in rates}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups[_group_of(name)].append(parameter)
    settings = [{"params": groups[name], "lr": rate, "name": name} for name, rate in rates.items() if groups[name]]
    if not settings:
        raise GagavatarError("freeze: nothing is left to train; leave out a part of the list")
    return torch.optim.Adam(settings, lr=config.rate, betas=config.betas, eps=config.eps)


def build_scheduler(
    optimizer: torch.optim.Optimizer, config: OptimizerConfig | None = None
) -> torch.optim.lr_scheduler.LinearLR:
    """Return the linear decay of every group's rate; step it once after each step of the optimizer."""
    config = config or OptimizerConfig()
    return torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, config.final_factor, config.decay_steps)


def _group_of(name: str) -> str:
    if any(part in name for part in _SLOW):
        return "slow"
    if "gaussian_conv" in name or ("gs_generator_g" in name and "feature_layers" not in name):
        return "gaussians"
    return "normal"


def _suggestion(part: str, names: list[str]) -> str:
    from difflib import get_close_matches

    parts = sorted({name.rsplit(".", depth)[0] for name in names for depth in range(name.count(".") + 1)})
    near = get_close_matches(part, parts, n=1, cutoff=0.0)
    return f"did you mean {near[0]!r}?"
