"""SCRFD face detection ("Sample and computation redistribution", Guo et al. 2021) run by onnxruntime."""

from __future__ import annotations

import os

import numpy as np

from ...errors import FileFormatError
from .geometry import suppress

INPUT = 320
_STRIDES, _ANCHORS = (8, 16, 32), 2
_CONFIDENCE, _OVERLAP = 0.5, 0.4


class Scrfd:
    """The detector out of `ins_scrfd_10g_bnkps.onnx`."""

    def __init__(self, path: str | os.PathLike) -> None:
        import onnxruntime

        try:
            self._session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has no common error class
            raise FileFormatError(f"{path} is not an ONNX file; unpack track_resources.tar again") from error
        self._input = self._session.get_inputs()[0].name

    def __call__(self, picture: np.ndarray) -> np.ndarray | None:
        """Five points [5, 2] of the largest face in a picture [3, 320, 320] RGB 0..255, or None."""
        prepared = (picture[None].astype(np.float32) - 127.5) / 128
        return largest_face(self._session.run(None, {self._input: prepared}))


def largest_face(outputs: list[np.ndarray]) -> np.ndarray | None:
    """Decode the nine outputs: scores, box distances and point offsets at strides 8, 16 and 32, two anchors a cell."""
    boxes, scores, points = [], [], []
    for level, stride in enumerate(_STRIDES):
        cells = INPUT // stride
        y, x = np.mgrid[:cells, :cells]
        anchors = np.repeat(np.stack([x, y], -1).reshape(-1, 2) * stride, _ANCHORS, 0)
        distances = outputs[level + 3].reshape(-1, 4) * stride
        boxes.append(np.concatenate([anchors - distances[:, :2], anchors + distances[:, 2:]], 1))
        points.append(anchors[:, None] + outputs[level + 6].reshape(-1, 5, 2) * stride)
        scores.append(outputs[level].reshape(-1))
    box, score, point = (np.concatenate(parts) for parts in (boxes, scores, points))
    sure = np.flatnonzero(score >= _CONFIDENCE)
    if not len(sure):
        return None
    sure = sure[suppress(box[sure], score[sure], _OVERLAP)]
    return point[sure[(box[sure, 2:] - box[sure, :2]).prod(1).argmax()]]
