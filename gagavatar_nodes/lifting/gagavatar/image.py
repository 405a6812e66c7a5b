"""The source image as the backbone reads it."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from .config import IMAGE_SIZE


def prepare_image(image: np.ndarray, size: int = IMAGE_SIZE) -> np.ndarray:
    """Return a portrait crop [H, W, 3], uint8 or 0..1, on black, as the backbone reads it.

    [3, size, size] float32 0..1.
    """
    picture = np.asarray(image)
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"Got an image {list(picture.shape)} but expected [H, W, 3].")
    scale = 255.0 if picture.dtype == np.uint8 else 1.0
    tensor = torch.from_numpy(np.ascontiguousarray(picture.astype(np.float32) / np.float32(scale)))
    tensor = tensor.permute(2, 0, 1)[None]
    return functional.interpolate(tensor, (size, size), mode="bilinear", antialias=True)[0].numpy()
