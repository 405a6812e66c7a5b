"""IMAGE and MASK batches to and from 8-bit pictures, a frame at a time, and what batches are made of.

In ComfyUI they are PyTorch's tensors. On this package's own page, and wherever there is no PyTorch, they are NumPy's
arrays of the same shapes: nodes take both, and give what `to_comfy` makes of their arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..devices import has_torch
from ..errors import GagavatarError
from ..media.backgrounds import cover
from ..media.even import even_shape, pad_to_even
from . import host

if TYPE_CHECKING:
    import torch

Batch: TypeAlias = "torch.Tensor | np.ndarray"
"""IMAGE [B, H, W, C], MASK [B, H, W], or the waveform [B, C, N] of AUDIO; float32 0..1, or -1..1 for sound."""
_EMPTY_MASK = 0.01
_SPARE_MEMORY = 0.9
"""Share of the free memory that a result may take."""


def to_array(batch: Batch) -> np.ndarray:
    """Return a batch, or a part of one, as float32 array in main memory."""
    if isinstance(batch, np.ndarray):
        return batch.astype(np.float32, copy=False)
    return batch.float().cpu().numpy()


def to_tensor(array: np.ndarray) -> Batch:
    """Return an array as what the program that runs the nodes hands from one to the next, in main memory."""
    if host.current.get() is not None or not has_torch():
        return array
    import torch

    return torch.from_numpy(array)


def to_comfy(array: np.ndarray) -> Batch:
    """`to_tensor`, on the device where ComfyUI wants IMAGE and MASK."""
    batch = to_tensor(array)
    return batch if isinstance(batch, np.ndarray) else batch.to(host.intermediate_device())


def check_images(images: Batch, name: str) -> None:
    """Refuse what is not [B, H, W, 1, 3 or 4] with at least one picture.

    Raises:
        GagavatarError: the shape is another one.
    """
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[3] not in (1, 3, 4) or 0 in shape:
        raise GagavatarError(
            f"'{name}' has the shape {list(shape)}, where pictures are [batch, height, width, 3]: connect an IMAGE"
        )


def rgb_frame(images: Batch, index: int) -> np.ndarray:
    """[H, W, 3] uint8 of one picture; gray becomes RGB, transparency is left out."""
    picture = np.nan_to_num(to_array(images[index])[..., :3])
    values = (np.clip(picture, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return values if values.shape[2] == 3 else np.repeat(values, 3, axis=2)


def rgb_frames(images: Batch) -> Iterator[np.ndarray]:
    """`rgb_frame` of every picture, one after the other."""
    return (rgb_frame(images, index) for index in range(len(images)))


def alpha_frame(images: Batch, index: int) -> np.ndarray | None:
    """[H, W] float32 0..1, or None where the pictures have no transparency."""
    return to_array(images[index, :, :, 3]) if images.shape[3] == 4 else None


def mask_frame(mask: Batch, index: int, shape: tuple[int, ...]) -> np.ndarray | None:
    """[H, W] float32 0..1 of one picture's mask, brought to the `shape` (H, W, ...) of the picture.

    None where the mask is empty, as that of a picture without transparency is.

    Raises:
        GagavatarError: it is no mask, or there are fewer masks than pictures and more than one.
    """
    import cv2

    masks = mask.reshape(-1, *mask.shape[-2:]) if mask.ndim in (2, 3, 4) else mask
    if masks.ndim != 3 or 0 in masks.shape:
        raise GagavatarError(f"The mask has the shape {list(mask.shape)}, where masks are [batch, height, width]")
    if len(masks) > 1 and index >= len(masks):
        raise GagavatarError(f"There are {len(masks)} masks but more pictures: give one mask, or one for each picture")
    alpha = np.clip(to_array(masks[min(index, len(masks) - 1)]), 0, 1)
    if not alpha.max() > _EMPTY_MASK:
        return None
    size = shape[1], shape[0]
    return alpha if alpha.shape == size[::-1] else cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)


def stack(pictures: list[np.ndarray], even: bool = True) -> Batch:
    """IMAGE [B, H, W, 3] float32 0..1 of uint8 pictures, or MASK [B, H, W] of float ones, all of one size.

    `even` as in `new_batch`.
    """
    batch = new_batch(len(pictures), pictures[0].shape, even)
    for index, picture in enumerate(pictures):
        put(batch, index, picture)
    return to_comfy(batch)


def new_batch(count: int, shape: tuple[int, ...], even: bool = True) -> np.ndarray:
    """Return an empty batch for `count` pictures of `shape`, if `even` in the size that every video codec takes.

    Raises:
        GagavatarError: the memory is too small for it.
    """
    shape = even_shape(shape) if even else shape
    size = count * int(np.prod(shape)) * 4
    if size > _SPARE_MEMORY * host.free_memory():
        raise GagavatarError(
            f"{count} pictures of {shape[1]}x{shape[0]} pixels need {size / 1e9:.1f} GB as IMAGE, which is more than "
            "is free: use 'Render Avatar to Video', which holds no frames, or a shorter motion or smaller size"
        )
    return np.empty((count, *shape), np.float32)


def put(batch: np.ndarray, index: int, picture: np.ndarray) -> None:
    """Write one picture, uint8 0..255 or float 0..1, into a batch; see `pad_to_even` where that is even."""
    picture = picture if picture.shape[:2] == batch.shape[1:3] else pad_to_even(picture)
    if picture.dtype == np.uint8:
        np.multiply(picture, np.float32(1 / 255), out=batch[index])
    else:
        batch[index] = picture


def with_alpha(images: Batch, alpha: list[np.ndarray]) -> Batch:
    """IMAGE [B, H, W, 4] of an IMAGE and of B [H, W] float32 0..1 that take the place of its own transparency."""
    rgb = to_array(images)[..., :3]
    rgb = rgb if rgb.shape[3] == 3 else np.repeat(rgb, 3, axis=3)
    return to_comfy(np.concatenate([rgb, np.stack(alpha)[..., None]], -1))


class ImageBackground:
    """An IMAGE batch behind the head, repeated from its start; see `media.backgrounds.Background`."""

    def __init__(self, images: Batch) -> None:
        check_images(images, "background_image")
        self._images = images

    def frames(self, size: tuple[int, int], fps: float) -> Iterator[np.ndarray]:
        """Endless [H, W, 3] uint8, covering `size`."""
        fitted = cover(rgb_frame(self._images, 0), size)
        index = 0
        while True:
            yield fitted
            if len(self._images) > 1:
                index = (index + 1) % len(self._images)
                fitted = cover(rgb_frame(self._images, index), size)
