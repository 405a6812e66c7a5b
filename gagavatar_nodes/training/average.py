"""A moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of a network's parameters: `average = decay * average + (1 - decay) * weights`.

    In the first steps the decay is smaller, (1 + n) / (10 + n), so that the start is forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._network, self._decay, self._steps = network, decay, 0
        self._average = {name: value.detach().clone() for name, value in _trained_parameters(network)}

    @torch.no_grad()
    def update(self) -> None:
        """After a step of the optimizer."""
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        names, values = zip(*_trained_parameters(self._network), strict=True)
        torch._foreach_lerp_([self._average[name] for name in names], [v.detach() for v in values], 1 - decay)
        self._steps += 1

    @contextmanager
    def applied_weights(self) -> Iterator[None]:
        """The network with the averaged weights, for the time of a `with` block."""
        kept = {name: value.detach().clone() for name, value in _trained_parameters(self._network)}
        self._put(self._average)
        try:
            yield
        finally:
            self._put(kept)

    def state_dict(self) -> dict[str, object]:
        """For the resume file."""
        return {"average": self._average, "steps": self._steps}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Take what `state_dict` gave."""
        average = state["average"]
        assert isinstance(average, dict)
        for name, value in self._average.items():
            value.copy_(average[name])
        self._steps = int(str(state["steps"]))

    @torch.no_grad()
    def _put(self, values: dict[str, Tensor]) -> None:
        for name, parameter in _trained_parameters(self._network):
            parameter.copy_(values[name])


def _trained_parameters(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, value) for name, value in network.named_parameters() if value.requires_grad)
