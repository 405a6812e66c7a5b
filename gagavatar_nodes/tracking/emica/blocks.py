"""Residual blocks that the tracker's networks share, and building a network straight from a state dict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from ...torch_file import fill_network

Network = TypeVar("Network", bound=nn.Module)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions with a shortcut; 4 times as many channels come out as are worked on."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        out = self.expansion * width
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = shortcut(channels, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y)).relu()
        y = self.bn3(self.conv3(y))
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut, as many channels out as in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the module's output; see the class."""
        y = self.bn1(self.conv1(x)).relu()
        return (self.bn2(self.conv2(y)) + x).relu()


def shortcut(channels: int, out: int, stride: int, always: bool = False) -> nn.Sequential | None:
    """1x1 convolution for a residual block that changes its input's size; None where the input can be added as is."""
    if stride == 1 and channels == out and not always:
        return None
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))


def container(**modules: nn.Module) -> nn.Module:
    """Return a module that only gives its children their names in the state dict."""
    holder = nn.Module()
    for name, module in modules.items():
        holder.add_module(name, module)
    return holder


def from_state_dict(build: Callable[[], Network], state_dict: Mapping[str, Any], name: str) -> Network:
    """`build()` filled with `state_dict`, see `torch_file.fill_network`."""
    return fill_network(build, state_dict, name, "Is it the file of the published tracker?")
