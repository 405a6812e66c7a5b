"""What insightface finds in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..tracking.insight import largest_face, load_insight

if TYPE_CHECKING:
    from .sights import Sight


def insight_face(sight: Sight) -> Any:
    """Return insightface's largest face of a picture: kps, landmark_3d_68, normed_embedding; None without a face."""
    return sight.once("insight", lambda: largest_face(sight.instruments.get(load_insight), sight.rgb))


def insight_five(sight: Sight) -> np.ndarray | None:
    """[5, 2] key points in pixels of a picture 512 wide; None without a face."""
    face = insight_face(sight)
    return None if face is None else np.asarray(face.kps, np.float64) * sight.unit
