"""insightface, where it and its pack of networks are: faces, five key points, 68 landmarks in 3D, embeddings.

The packs may not be used commercially, so they are never fetched from here: insightface itself would do that silently.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import WeightsError
from ..packages import load_package
from ..settings import Settings

if TYPE_CHECKING:
    from .sights import Sight

PACK = "buffalo_l"
_FILES = ("det_10g.onnx", "1k3d68.onnx", "w600k_r50.onnx")
_DETECTION_EDGE = 512


def load_insight(settings: Settings) -> Any:
    """Return insightface's FaceAnalysis with the pack `PACK` of a weights folder, or of insightface's own.

    Raises:
        GagavatarError: insightface is not installed.
        WeightsError: the pack is not here.
    """
    from ..weights import default_folder

    places = [*settings.folders, default_folder(), Path("~/.insightface/models").expanduser()]
    pack = next((one / PACK for one in places if all((one / PACK / name).is_file() for name in _FILES)), None)
    if pack is None:
        raise WeightsError(
            f"insightface's pack {PACK} is missing. It is for non-commercial research only, see "
            "https://github.com/deepinsight/insightface/tree/master/model_zoo; if that is your case, unpack "
            f"https://github.com/deepinsight/insightface/releases/download/v0.7/{PACK}.zip into {places[0] / PACK}"
        )
    app = load_package("insightface.app", "This metric", "insightface", 'run `pip install "gagavatar-nodes[eval]"`')
    analysis = app.FaceAnalysis(
        name=PACK,
        root=str(_root_of(pack)),
        allowed_modules=["detection", "landmark_3d_68", "recognition"],
        providers=["CPUExecutionProvider"],
    )
    analysis.prepare(ctx_id=-1, det_size=(_DETECTION_EDGE, _DETECTION_EDGE))
    return analysis


def _root_of(pack: Path) -> Path:
    """Return the folder that insightface wants: it looks for `models/PACK` in it."""
    return pack.parent.parent


def insight_face(sight: Sight) -> Any:
    """Return insightface's largest face of a picture: kps, landmark_3d_68, normed_embedding; None without a face."""
    return sight.once("insight", lambda: _largest(sight))


def insight_five(sight: Sight) -> np.ndarray | None:
    """[5, 2] key points in pixels of a picture 512 wide; None without a face."""
    face = insight_face(sight)
    return None if face is None else np.asarray(face.kps, np.float64) * sight.unit


def _largest(sight: Sight) -> Any:
    faces = sight.instruments.get(load_insight).get(np.ascontiguousarray(sight.rgb[..., ::-1]))
    return max(faces, key=lambda face: np.prod(np.subtract(face.bbox[2:4], face.bbox[:2])), default=None)
