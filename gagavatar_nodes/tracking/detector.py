"""Faces in a picture: BlazeFace, on the whole and, for small faces, on overlapping tiles.

BlazeFace: Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", arXiv 1907.05047.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .onnx_session import session
from .opencv import opencv

_INPUT = 128
_TILES_PER_SHORT_EDGE = (1.5, 3, 6)
"""Tile edges, as fractions of the picture's shorter edge; a face fills at least a sixth of some tile's edge."""
_TILE_THRESHOLD = 0.75
"""Faces of 4 % of a picture score 0.9 in a fitting tile; textures, coins and cells up to 0.77."""
_SMALLEST_TILE = 96
"""Pixels. Faces that need smaller tiles have under 32 pixels, too few to be of use."""
_MARGIN = 0.5
"""Of the longer edge, added around the picture to find faces that fill it."""
_OVERLAP = 0.3
"""Intersection over union from which two boxes are the same face (arXiv 1907.05047, section 3.3)."""
_CONTAINED = 0.6
"""Share of the smaller box from which two boxes are the same face, seen in tiles of different size."""


@dataclass(frozen=True)
class Detection:
    """A face found in a picture."""

    box: np.ndarray
    """[4] float32 left, top, right, bottom in pixels, from the brows to the chin."""
    keypoints: np.ndarray
    """[6, 2] float32 pixels: the image's left eye, right eye, nose tip, mouth, left ear, right ear."""
    score: float
    """0..1."""

    @property
    def size(self) -> float:
        """Longer edge of the box in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


class FaceDetector:
    """Finds faces. Holds no state of its own; instances are cheap."""

    def detect_whole(self, image: np.ndarray, threshold: float = 0.5) -> list[Detection]:
        """Return the faces in `image` [H, W, 3] uint8 RGB with a score of at least `threshold`, largest first.

        They fill about a sixth of the picture's longer edge or more; where there is none, it is searched again with a
        margin, for faces that fill it. Takes 2 ms.
        """
        found = self._detect_square(image, _whole(image), threshold)
        return _merge(found or self._detect_square(image, _whole(image, _MARGIN), threshold))

    def detect_tiles(self, image: np.ndarray, threshold: float = 0.5) -> list[Detection]:
        """Faces in overlapping tiles of three sizes: down to 4 % of the picture's shorter edge, in about 0.2 s.

        So many tiles show many things that resemble a face: under `_TILE_THRESHOLD` none is believed.
        """
        threshold = max(threshold, _TILE_THRESHOLD)
        return _merge([face for n in _TILES_PER_SHORT_EDGE for face in self._detect_tiles(image, n, threshold)])

    def _detect_tiles(self, image: np.ndarray, count: float, threshold: float) -> list[Detection]:
        height, width = image.shape[:2]
        edge = min(height, width) / count
        if edge < _SMALLEST_TILE:
            return []
        shrink = min(1.0, _INPUT / edge)
        small = opencv().resize(image, None, fx=shrink, fy=shrink, interpolation=opencv().INTER_AREA)
        scale = np.array([width / small.shape[1], height / small.shape[0]])
        edge *= shrink
        found = []
        for top in _starts(small.shape[0], edge):
            for left in _starts(small.shape[1], edge):
                for face in self._detect_square(small, (left, top, edge), threshold):
                    if not _cut_by_tile(face.box, left, top, edge, small.shape):
                        box = (face.box.reshape(2, 2) * scale).reshape(4)
                        found.append(Detection(box, face.keypoints * scale, face.score))
        return found

    def _detect_square(
        self, image: np.ndarray, square: tuple[float, float, float], threshold: float
    ) -> list[Detection]:
        """Faces in one square (left, top, edge) of the picture, which may reach outside of it."""
        left, top, edge = square
        tensor = _letterbox(image, left, top, edge)
        regressors, logits = session("face_detection.onnx").run(["regressors", "classificators"], {"input": tensor})
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -80, 80)))
        kept = np.flatnonzero(scores >= threshold)
        raw, anchors = regressors[0, kept] / _INPUT, _anchors()[kept]
        centers, sizes = raw[:, :2] + anchors, raw[:, 2:4]
        points = raw[:, 4:].reshape(-1, 6, 2) + anchors[:, None]
        boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1)
        offset = np.array([left, top], np.float32)
        return [
            Detection((box.reshape(2, 2) * edge + offset).reshape(4), p * edge + offset, float(score))
            for box, p, score in zip(boxes, points, scores[kept], strict=True)
        ]


@cache
def _anchors() -> np.ndarray:
    """[896, 2] anchor centers 0..1: two per cell of a 16x16 grid, six per cell of an 8x8 grid."""
    grids = []
    for cells, repeats in ((16, 2), (8, 6)):
        y, x = np.mgrid[0:cells, 0:cells]
        centers = np.stack([x + 0.5, y + 0.5], axis=-1).reshape(-1, 2) / cells
        grids.append(np.repeat(centers, repeats, axis=0))
    return np.concatenate(grids).astype(np.float32)


def _whole(image: np.ndarray, margin: float = 0.0) -> tuple[float, float, float]:
    height, width = image.shape[:2]
    edge = max(height, width) * (1 + 2 * margin)
    return (width - edge) / 2, (height - edge) / 2, edge


def _letterbox(image: np.ndarray, left: float, top: float, edge: float) -> np.ndarray:
    """[1, 128, 128, 3] float32 -1..1 of a square of the picture; black outside of the picture."""
    cv2 = opencv()
    height, width = image.shape[:2]
    x0, y0 = max(0, round(left)), max(0, round(top))
    x1, y1 = min(width, round(left + edge)), min(height, round(top + edge))
    scale = _INPUT / edge
    u0, v0 = round((x0 - left) * scale), round((y0 - top) * scale)
    u1, v1 = max(u0 + 1, round((x1 - left) * scale)), max(v0 + 1, round((y1 - top) * scale))
    u0, v0, u1, v1 = (min(max(edge_, 0), _INPUT) for edge_ in (u0, v0, u1, v1))
    tensor = np.full((1, _INPUT, _INPUT, 3), -1, np.float32)
    inside = cv2.resize(image[y0:y1, x0:x1], (u1 - u0, v1 - v0), interpolation=cv2.INTER_AREA)
    tensor[0, v0:v1, u0:u1] = inside.astype(np.float32) / 127.5 - 1
    return tensor


def _starts(length: int, edge: float) -> np.ndarray:
    """Starts of tiles that cover `length` and overlap by half or more."""
    if length <= edge:
        return np.array([0.0])
    return np.linspace(0, length - edge, int(np.ceil((length - edge) / (edge / 2))) + 1)


def _cut_by_tile(box: np.ndarray, left: float, top: float, edge: float, shape: tuple[int, ...]) -> bool:
    """Whether the face crosses an inner edge of its tile; another tile shows the whole of it."""
    slack = 0.02 * edge
    return bool(
        (left > 0 and box[0] < left - slack)
        or (top > 0 and box[1] < top - slack)
        or (left + edge < shape[1] - 1 and box[2] > left + edge + slack)
        or (top + edge < shape[0] - 1 and box[3] > top + edge + slack)
    )


def _merge(faces: list[Detection]) -> list[Detection]:
    """Blend detections of the same face, weighted by score (arXiv 1907.05047, section 3.3); largest first."""
    if not faces:
        return []
    boxes = np.array([face.box for face in faces], np.float32)
    points = np.array([face.keypoints for face in faces], np.float32)
    scores = np.array([face.score for face in faces], np.float32)
    left = np.argsort(-scores)
    merged = []
    while len(left):
        best = left[0]
        same = _same_face(boxes[best], boxes[left])
        group = left[same]
        weights = scores[group] / scores[group].sum()
        box = np.einsum("n,nk->k", weights, boxes[group])
        keypoints = np.einsum("n,nkc->kc", weights, points[group])
        merged.append(Detection(box, keypoints, float(scores[best])))
        left = left[~same]
    return sorted(merged, key=lambda face: -face.size)


def _same_face(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[N] bool for one box [4] against [N, 4]; true for the box itself."""
    overlap = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    intersection = np.clip(overlap, 0, None).prod(1)
    area, areas = (box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(1)
    union = area + areas - intersection
    return (intersection > _OVERLAP * union) | (intersection > _CONTAINED * np.minimum(area, areas))
