"""The published tracker's crops: resized with antialiasing, black outside of the picture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..arcface import arcface_picture
from .geometry import IMAGE

HEAD_SCALE = 1.65
LANDMARK_SCALE, LANDMARK_CROP = 1.38, 256
FACE_SCALES, FACE_CROP = (1.1, 1.25), 224
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


def resize(picture: Tensor, height: int, width: int) -> Tensor:
    """[C, H, W] -> [C, height, width], bilinear with antialiasing."""
    return interpolate(picture[None], (height, width), mode="bilinear", align_corners=False, antialias=True)[0]


def normalize(picture: Tensor) -> Tensor:
    """[..., 3, H, W] 0..1 to ImageNet's mean and deviation."""
    mean, deviation = (picture.new_tensor(v)[:, None, None] for v in (_MEAN, _DEVIATION))
    return (picture - mean) / deviation


def cut(picture: Tensor, left: int, top: int, width: int, height: int) -> Tensor:
    """Return the rectangle of a picture [C, H, W], zero where it leaves it."""
    part = picture.new_zeros(picture.shape[0], height, width)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, picture.shape[2]), min(top + height, picture.shape[1])
    if x1 > x0 and y1 > y0:
        part[:, y0 - top : y1 - top, x0 - left : x1 - left] = picture[:, y0:y1, x0:x1]
    return part


def head_rectangle(box: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, width and height in whole pixels of the crop around a head box [4]: sqrt(w h) x 1.65 wide."""
    center, half = (box[:2] + box[2:]) / 2, np.sqrt((box[2:] - box[:2]).prod()) * HEAD_SCALE / 2
    low, high = np.trunc(center - half).astype(int), np.trunc(center + half).astype(int)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def head_crop(picture: Tensor, rectangle: tuple[int, int, int, int]) -> Tensor:
    """[3, 512, 512] of a picture [3, H, W], values kept, for a rectangle from `head_rectangle`."""
    return resize(cut(picture, *rectangle), IMAGE, IMAGE)


def landmark_crop(crop: Tensor, box: np.ndarray) -> tuple[Tensor, float, np.ndarray]:
    """Input [3, 256, 256] of the landmark network from a picture [3, H, W] 0..255, its scale and its corner [2]."""
    center = np.trunc((box[:2] + box[2:]) / 2)
    half = np.sqrt((box[2:] - box[:2] + 1).prod()) * LANDMARK_SCALE // 2
    left, top = (center - half).astype(int)
    edge = int(2 * half)
    part = resize(cut(crop, int(left), int(top), edge, edge), LANDMARK_CROP, LANDMARK_CROP) / 255
    return normalize(part), LANDMARK_CROP / edge, np.array([left, top], float)


def face_rectangle(landmarks: np.ndarray, scale: float = FACE_SCALES[1]) -> tuple[int, int, int]:
    """Left, top and edge of the square around face landmarks [N, 2]: the box's mean edge x 1.1 x `scale`."""
    low, high = landmarks.min(0), landmarks.max(0)
    edge = max(1, int((high - low).mean() * FACE_SCALES[0] * scale))
    left, top = ((low + high) / 2 - edge / 2).astype(int)
    return int(left), int(top), edge


def face_crop(crop: Tensor, landmarks: np.ndarray) -> Tensor:
    """EMICA's [3, 224, 224] 0..1 from a picture [3, H, W] 0..255 and its face landmarks [N, 2]."""
    left, top, edge = face_rectangle(landmarks)
    return resize(cut(crop, left, top, edge, edge), FACE_CROP, FACE_CROP) / 255


def arcface_crop(crop: Tensor, points: np.ndarray) -> Tensor:
    """MICA's [3, 112, 112] -1..1 from a picture [3, H, W] 0..255 and five points [5, 2] in its pixels."""
    warped = arcface_picture(np.ascontiguousarray(crop.permute(1, 2, 0).cpu().numpy()), points)
    return (torch.from_numpy(warped).permute(2, 0, 1).to(crop.device) - 127.5) / 127.5
