"""The losses of training (arXiv 2410.07971, section 3.5), each a function of tensors, and their weighted sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import GagavatarError
from .batch import TrainingBatch
from .model import Prediction
from .nearest import nearest_points

BOX_SCALE = 1.1
"""The head box is made a square, this much wider than the box's mean edge."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms as published. A term of weight 0 is left out: no lifting loss is a row of Table 3."""

    image: float = 1.0
    """Of the mean of the coarse and the fine picture's L1."""
    box: float = 1.0
    """Of the same inside the head box."""
    perceptual: float = 0.01
    """Of the sum of the coarse and the fine picture's perceptual loss in the head box."""
    lifting: float = 10.0
    """Of the squared distance from the head model's vertices to the lifted points."""


class PerceptualLoss(Protocol):
    """See `perceptual.make_perceptual`."""

    def against(self, target: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the distance [] of pictures [B, 3, H, W] from `target`, of which features are computed once."""
        ...


@dataclass(frozen=True)
class Losses:
    """Loss of a batch: weighted terms that add up to `total`; None where a term is left out. Tensors of one number."""

    total: Tensor
    image: Tensor | None
    box: Tensor | None
    perceptual: Tensor | None
    lifting: Tensor | None
    psnr: Tensor
    """Decibels of the batch's pictures, not clamped; no part of the loss."""
    parts: dict[str, Tensor] = field(default_factory=dict)
    """Unweighted: image, box and perceptual of the coarse and the fine picture (`image_coarse`, ...), `lifting`."""

    def items(self) -> Iterator[tuple[str, Tensor]]:
        """Names and values of the terms that there are, `total` first, `psnr` last: what a log shows."""
        for name in ("total", "image", "box", "perceptual", "lifting", "psnr"):
            if (value := getattr(self, name)) is not None:
                yield name, value


def compute_losses(
    prediction: Prediction,
    batch: TrainingBatch,
    weights: LossWeights | None = None,
    perceptual: PerceptualLoss | None = None,
) -> Losses:
    """Every term of a batch, in float32.

    Without a neural renderer the coarse picture is alone and keeps its weight; what the paper's ablation did is not
    published. Without `perceptual`, see `perceptual.make_perceptual`, that term is left out.

    Raises:
        GagavatarError: a head box of the batch is empty; the line names the frame.
    """
    weights = weights or LossWeights()
    pictures = {"coarse": prediction.coarse.float()}
    if prediction.fine is not None:
        pictures["fine"] = prediction.fine.float()
    target = batch.target_image
    parts: dict[str, Tensor] = {}
    if weights.image:
        parts |= {f"image_{name}": image_loss(picture, target) for name, picture in pictures.items()}
    if weights.box or (weights.perceptual and perceptual):
        boxes = head_boxes(batch.target_box, target.shape[-1], batch.target_keys)
        wanted = crop_boxes(target, boxes)
        distance = perceptual.against(wanted) if weights.perceptual and perceptual is not None else None
        for name, picture in pictures.items():
            crop = crop_boxes(picture, boxes)
            if weights.box:
                parts[f"box_{name}"] = image_loss(crop, wanted)
            if distance is not None:
                parts[f"perceptual_{name}"] = distance(crop)
    if weights.lifting:
        parts["lifting"] = lifting_loss(prediction.lifted_points.float(), batch.target_points)
    terms = {
        "image": _weighted_sum(parts, "image", weights.image / 2),
        "box": _weighted_sum(parts, "box", weights.box / 2),
        "perceptual": _weighted_sum(parts, "perceptual", weights.perceptual),
        "lifting": _weighted_sum(parts, "lifting", weights.lifting),
    }
    total = sum((term for term in terms.values() if term is not None), start=target.new_zeros(()))
    shown = {name: value.detach() for name, value in parts.items()}
    return Losses(total, **terms, psnr=psnr(prediction.picture.detach().float(), target), parts=shown)


def image_loss(picture: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of pictures [B, 3, H, W]."""
    return functional.l1_loss(picture, target)


def lifting_loss(lifted_points: Tensor, target_points: Tensor) -> Tensor:
    """Mean squared distance from target vertices [B, V, 3] to the nearest of their sample's lifted points [B, N, 3].

    The gradient reaches the nearest points alone; which ones those are is taken as given (equation 9).
    """
    nearest = torch.stack([
        points[nearest_points(vertices, points)]
        for vertices, points in zip(target_points, lifted_points, strict=True)
    ])  # fmt: skip
    return (nearest - target_points).square().sum(-1).mean()


def psnr(picture: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in decibels over all of two batches of pictures 0..1."""
    return -10 * torch.log10(functional.mse_loss(picture, target))


def head_boxes(boxes: Tensor, size: int, keys: tuple[str, ...] = ()) -> list[tuple[int, int, int, int]]:
    """Squares x0, y0, x1, y1 in pixels, ends exclusive, about the head boxes [B, 4] 0..1 of pictures of `size`.

    A square keeps its center: near the border it shrinks and does not slide. Rounding down can make width and height
    differ by a pixel. Computed in float32, whose rounding decides a pixel.

    Raises:
        GagavatarError: a square is empty.
    """
    boxes = boxes.detach().float().cpu()
    centers, edges = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    edge = edges.prod(dim=1).sqrt() * BOX_SCALE
    edge = torch.minimum(edge, torch.minimum(2 * centers, 2 * (1 - centers)).amin(dim=1))
    corners = torch.cat([centers - edge[:, None] / 2, centers + edge[:, None] / 2], dim=1)
    pixels = (corners.nan_to_num(-1).clamp(0, 1) * size).int().tolist()
    for index, (x0, y0, x1, y1) in enumerate(pixels):
        if x0 >= x1 or y0 >= y1:
            name = keys[index] if index < len(keys) else f"sample {index}"
            raise GagavatarError(f"{name}: its head box {boxes[index].tolist()} is empty; drop the frame from the data")
    return [tuple(box) for box in pixels]


def crop_boxes(pictures: Tensor, boxes: list[tuple[int, int, int, int]]) -> Tensor:
    """Return what pictures [B, 3, S, S] show in their boxes, each resized to [3, S, S]: bilinear, antialiased."""
    size = pictures.shape[-2:]
    crops = [picture[None, :, y0:y1, x0:x1] for picture, (x0, y0, x1, y1) in zip(pictures, boxes, strict=True)]
    return torch.cat([functional.interpolate(crop, size, mode="bilinear", antialias=True) for crop in crops])


def _weighted_sum(parts: dict[str, Tensor], name: str, weight: float) -> Tensor | None:
    """`weight` times the sum of the parts of a term; None where there are none."""
    chosen = [value for key, value in parts.items() if key == name or key.startswith(f"{name}_")]
    return weight * sum(chosen[1:], start=chosen[0]) if chosen else None
