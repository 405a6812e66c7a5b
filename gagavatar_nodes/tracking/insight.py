"""insightface, where it and its pack of networks are: faces, five key points, 68 landmarks in 3D, embeddings.

The packs may not be used commercially, so they are never fetched from here: insightface itself would do that silently.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import WeightsError
from ..packages import load_package
from ..settings import Settings
from .detector import Detection

PACK = "buffalo_l"
_FILES = ("det_10g.onnx", "1k3d68.onnx", "w600k_r50.onnx")
_DETECTION_EDGE = 512
_FOREHEAD = 0.2
"""Share of its boxes above the brows, where `detector.Detection` begins."""


def find_pack(settings: Settings) -> Path | None:
    """Return the folder of the pack `PACK`, in a weights folder or insightface's own; None where it is not here."""
    from ..weights import default_folder

    places = [*settings.folders, default_folder(), Path("~/.insightface/models").expanduser()]
    return next((one / PACK for one in places if all((one / PACK / name).is_file() for name in _FILES)), None)


def load_insight(settings: Settings) -> Any:
    """Return insightface's FaceAnalysis with the pack `PACK` of a weights folder, or of insightface's own.

    Raises:
        GagavatarError: insightface is not installed.
        WeightsError: the pack is not here, or another one is.
    """
    from ..weights import default_folder

    pack, place = find_pack(settings), [*settings.folders, default_folder()][0]
    if pack is None:
        raise WeightsError(
            f"insightface's pack {PACK} is missing. It is for non-commercial research only, see "
            "https://github.com/deepinsight/insightface/tree/master/model_zoo; if that is your case, unpack "
            f"https://github.com/deepinsight/insightface/releases/download/v0.7/{PACK}.zip into {place / PACK}"
        )
    app = load_package("insightface.app", "This metric", "insightface", 'run `pip install "gagavatar-nodes[eval]"`')
    try:
        analysis = app.FaceAnalysis(
            name=str(pack.resolve()),  # a folder that is there is taken as it is, in all versions
            allowed_modules=["detection", "landmark_3d_68", "recognition"],
            providers=["CPUExecutionProvider"],
        )
    except AssertionError as error:  # its way of saying that no detector is among the files
        raise WeightsError(f"{pack} holds other networks than {PACK}: unpack that again") from error
    analysis.prepare(ctx_id=-1, det_size=(_DETECTION_EDGE, _DETECTION_EDGE))
    return analysis


def largest_face(analysis: Any, picture: np.ndarray) -> Any:
    """Return the largest face that `load_insight`'s result finds in a picture [H, W, 3] uint8 RGB; None without one.

    It has `bbox`, `kps` [5, 2], `landmark_3d_68` [68, 3] in pixels, and `normed_embedding` [512].
    """
    faces = analysis.get(np.ascontiguousarray(picture[..., ::-1]))
    return max(faces, key=lambda face: np.prod(np.subtract(face.bbox[2:4], face.bbox[:2])), default=None)


def detect_faces(analysis: Any, picture: np.ndarray) -> list[Detection]:
    """Return the faces that `load_insight`'s detector finds in a picture [H, W, 3] uint8 RGB, largest first.

    It has no ears: they are put where the eyes' line reaches the box.
    """
    boxes, points = analysis.det_model.detect(np.ascontiguousarray(picture[..., ::-1]), max_num=0)
    faces = [_detection(box, five) for box, five in zip(boxes, points, strict=True)]
    return sorted(faces, key=lambda face: -face.size)


def _detection(box: np.ndarray, five: np.ndarray) -> Detection:
    left, top, right, bottom, score = box
    eyes, mouth = five[:2], five[3:].mean(0)
    across = (eyes[1] - eyes[0]) / 2
    points = np.stack([*eyes, five[2], mouth, eyes[0] - across, eyes[1] + across])
    brows = top + _FOREHEAD * (bottom - top)
    return Detection(np.array([left, brows, right, bottom], np.float32), points.astype(np.float32), float(score))
