"""VGGHead: head boxes with coarse FLAME codes and a weak-perspective pose, from the published TorchScript file."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ...heads.flame import Flame
from .crops import resize
from .geometry import suppress
from .torchscript import load_script

INPUT = 640
_PADDING = 127.0
_CONFIDENCE, _OVERLAP, _CANDIDATES, _KEPT = 0.5, 0.5, 1000, 100
_FRAME = 5  # pixels: a box this near to all four edges of the input is the whole picture, not a head
_PARTS = {"shape": 300, "expression": 100, "jaw": 3, "rotation_6d": 6, "translation": 3, "scale": 1}
VALUES = sum(_PARTS.values())
_ORIGIN_Z = 0.05  # meters, of VGGHead's coordinates behind FLAME's
_LIDS = {37: (2452, 2454), 38: (2471,), 40: (2276,), 41: (2360,), 43: (1292,), 44: (1217,), 46: (999,), 47: (827,)}
# Lid landmarks that VGGHead was trained with: vertices of FLAME


@dataclass(frozen=True)
class Head:
    """A detected head: its box in the picture's pixels, and FLAME codes with their projection."""

    box: np.ndarray
    """[4] left, top, right, bottom."""
    codes: np.ndarray
    """[413] float32, see `split`."""
    padding: tuple[int, int]
    """Left and top border in the network's input, pixels."""
    scale: float
    """Input pixels per picture pixel."""


def letterbox(picture: Tensor) -> tuple[Tensor, tuple[int, int], float]:
    """Return a picture [3, H, W] 0..255 as input [3, 640, 640] 0..1, the borders left and above, and the scale."""
    _, height, width = picture.shape
    longest = max(height, width)
    small = resize(picture, max(1, height * INPUT // longest), max(1, width * INPUT // longest))
    left, top = (INPUT - small.shape[2]) // 2, (INPUT - small.shape[1]) // 2
    padded = small.new_full((3, INPUT, INPUT), _PADDING)
    padded[:, top : top + small.shape[1], left : left + small.shape[2]] = small
    return padded / 255, (left, top), INPUT / longest


def split(codes: Tensor) -> dict[str, Tensor]:
    """[..., 413] -> shape 300, expression 100, jaw 3 (axis-angle), rotation_6d 6, translation 3, scale 1 (pixels)."""
    return dict(zip(_PARTS, codes.split(list(_PARTS.values()), -1), strict=True))


class VGGHead:
    """The detector; `device` is torch's."""

    def __init__(self, path: str | os.PathLike, device: str = "cpu") -> None:
        self._network = load_script(path, device)
        self._device = device

    @torch.no_grad()
    def __call__(self, picture: Tensor, near: np.ndarray | None = None) -> Head | None:
        """Return the largest head in a picture [3, H, W] 0..255 RGB, or None.

        Of those around `near` [2] in pixels, if there are any.
        """
        prepared, padding, scale = letterbox(picture.to(self._device, torch.float32))
        outputs = self._network(prepared[None])
        boxes, scores, codes = (o[0].float().cpu().numpy() for o in outputs)
        point = None if near is None else near * scale + padding
        return choose_head(boxes, scores.reshape(-1), codes, padding, scale, point)


def choose_head(
    boxes: np.ndarray,
    scores: np.ndarray,
    codes: np.ndarray,
    padding: tuple[int, int],
    scale: float,
    near: np.ndarray | None = None,
) -> Head | None:
    """Return the largest of the network's confident heads: boxes [A, 4] in the input, scores [A], codes [A, 413].

    Of those around `near` [2] in the input, if there are any.
    """
    sure = np.flatnonzero(scores >= _CONFIDENCE)
    sure = sure[np.argsort(-scores[sure], kind="stable")][:_CANDIDATES]
    if not len(sure):
        return None
    sure = sure[suppress(boxes[sure], scores[sure], _OVERLAP)[:_KEPT]]
    if near is not None:
        around = ((boxes[sure, :2] <= near) & (near <= boxes[sure, 2:])).all(1)
        sure = sure[around] if around.any() else sure
    sizes = boxes[sure, 2:] - boxes[sure, :2]
    best = sure[sizes.prod(1).argmax()]
    box = boxes[best]
    if (box[:2] < _FRAME).all() and (box[2:] > INPUT - _FRAME).all():
        return None
    borders = np.array([*padding, *padding])
    box = ((box.clip(0, INPUT) - borders) / scale).clip(0, INPUT / scale)
    if (box[2:] - box[:2]).min() < 1:
        return None
    return Head(box.astype(np.float32), codes[best].astype(np.float32), padding, scale)


def reproject(flame: Flame, heads: list[Head]) -> tuple[Tensor, Tensor]:
    """Pixels of the coarse heads' vertices [B, 5023, 2] and 70 landmarks [B, 70, 2] in their pictures."""
    device = flame.template.device
    parts = split(torch.from_numpy(np.stack([h.codes for h in heads])).to(device))
    vertices = flame(parts["shape"], parts["expression"], parts["jaw"], scale=1.0)
    vertices = vertices + vertices.new_tensor([0, 0, _ORIGIN_Z])
    landmarks = flame.landmarks(vertices)
    for index, ids in _LIDS.items():
        landmarks[:, index] = vertices[:, list(ids)].mean(1)
    padding = vertices.new_tensor([h.padding for h in heads])
    scale = vertices.new_tensor([h.scale for h in heads])

    def pixels(points: Tensor) -> Tensor:
        turned = points @ _rotation(parts["rotation_6d"]).mT
        placed = turned * parts["scale"].clamp(min=1e-8)[:, None] + parts["translation"][:, None]
        return (placed[..., :2] - padding[:, None]) / scale[:, None, None]

    return pixels(vertices), pixels(landmarks)


def _rotation(values: Tensor) -> Tensor:
    """[B, 6] -> [B, 3, 3] whose columns x, y, z are spanned by the two vectors, the third from their cross product."""
    x = normalize(values[:, :3], dim=-1)
    z = normalize(torch.linalg.cross(x, values[:, 3:]), dim=-1)
    return torch.stack([x, torch.linalg.cross(z, x), z], -1)
