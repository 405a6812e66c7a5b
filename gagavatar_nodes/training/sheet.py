"""The validation sheet: a row for each pair of frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .batch import TrainingBatch
from .model import Prediction

_INSET = 0.3
"""Edge of the source in the target's corner, as a share of the picture's."""
_COLUMNS = 2


def validation_sheet(samples: Sequence[tuple[TrainingBatch, Prediction]]) -> np.ndarray:
    """Return a sheet [H, W, 3] uint8 of samples, two in a row.

    Of each: the target with the source in its lower right corner, the coarse and the fine picture.
    """
    rows = [_row(batch, prediction) for batch, prediction in samples]
    if len(rows) % _COLUMNS:
        rows.append(np.zeros_like(rows[0]))
    pairs = [np.concatenate(rows[k : k + _COLUMNS], axis=1) for k in range(0, len(rows), _COLUMNS)]
    return np.concatenate(pairs, axis=0)


def _row(batch: TrainingBatch, prediction: Prediction) -> np.ndarray:
    target = batch.target_image[0].clone()
    edge = round(_INSET * target.shape[-1])
    inset = functional.interpolate(batch.source_image[:1], (edge, edge), mode="bilinear", antialias=True)
    target[:, -edge:, -edge:] = inset[0]
    pictures = [target, prediction.coarse[0]] + ([] if prediction.fine is None else [prediction.fine[0]])
    return _to_bytes(torch.cat([picture.float() for picture in pictures], dim=2))


def _to_bytes(picture: Tensor) -> np.ndarray:
    return (picture.detach().clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).cpu().numpy()
