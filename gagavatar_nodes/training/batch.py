"""What a training step is given: pairs of a source and a target frame of one person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class TrainingBatch:
    """B pairs. S is the edge of the images that the backbone reads, R that of rendered ones; see `GAGAvatarConfig`.

    All tensors are float32. Cameras are world-to-view `[R | t]` for row vectors, see `types.Camera.transform`.
    """

    source_image: Tensor
    """[B, 3, S, S] RGB 0..1 on black."""
    source_camera: Tensor
    """[B, 3, 4]; the lifting plane follows from it."""
    target_image: Tensor
    """[B, 3, R, R] RGB 0..1 on black."""
    target_camera: Tensor
    """[B, 3, 4]."""
    target_points: Tensor
    """[B, 5023, 3] the head model's posed vertices in the target frame, head units."""
    target_box: Tensor
    """[B, 4] head box in the target image: x0, y0, x1, y1, 0..1."""
    source_keys: tuple[str, ...]
    """Names of the source frames, for messages and logs."""
    target_keys: tuple[str, ...]
    """Names of the target frames."""

    def __len__(self) -> int:
        return len(self.target_keys)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> TrainingBatch:
        """Return the same on another device."""
        return self._with(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> TrainingBatch:
        """Return the same in page-locked memory, from which copies to a GPU do not wait; `DataLoader` calls this."""
        return self._with(lambda tensor: tensor.pin_memory())

    def _with(self, change: Callable[[Tensor], Tensor]) -> TrainingBatch:
        return replace(self, **{name: change(value) for name, value in vars(self).items() if isinstance(value, Tensor)})  # type: ignore[arg-type]


def collate(samples: Sequence[TrainingBatch]) -> TrainingBatch:
    """One batch of several, in their order: the `collate_fn` of a `DataLoader`."""
    return TrainingBatch(
        **{field.name: _concatenate([getattr(s, field.name) for s in samples]) for field in fields(samples[0])}
    )


def _concatenate(values: list[Any]) -> Any:
    return torch.cat(values) if isinstance(values[0], Tensor) else tuple(chain.from_iterable(values))
