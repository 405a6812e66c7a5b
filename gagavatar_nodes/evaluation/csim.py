"""CSIM: cosine similarity of face embeddings between the result and the person it should show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..settings import Settings
from ..tracking.insight import load_insight
from ..tracking.recognition import SFace
from .emica_codes import Mica
from .insight import insight_face
from .sights import Sight
from .variants import Maker, Variant

Embed = Callable[[Sight], "np.ndarray | None"]


def load_sface(settings: Settings) -> SFace:
    """Return SFace. Raises WeightsError where its file is missing."""
    return SFace(settings)


def load_mica(settings: Settings) -> Mica:
    """Return MICA's ArcFace. Raises WeightsError where the published tracker's archive is missing."""
    return Mica(settings)


def make_embedder(make: Maker) -> Embed:
    """Return the function that embeds a picture's face by what `make` loads; None where no face was found."""

    def embed(sight: Sight) -> np.ndarray | None:
        if sight.points is None:
            return None
        return sight.once(make, lambda: sight.instruments.get(make)(sight.rgb, sight.points))

    return embed


def embed_by_insight(sight: Sight) -> np.ndarray | None:
    """[512] of norm 1; None where insightface finds no face."""
    face = insight_face(sight)
    return None if face is None else np.asarray(face.normed_embedding)


def cosine(result: np.ndarray | None, person: np.ndarray | None) -> float:
    """Cosine of two embeddings of norm 1; NaN without one."""
    return float("nan") if result is None or person is None else float(np.dot(result, person))


RECOGNIZERS: dict[str, tuple[str, Embed, Maker, str, tuple[str, ...]]] = {
    "sface": ("SFace", make_embedder(load_sface), load_sface, "OpenCV Zoo, arXiv 2205.12010", ()),
    "insightface": ("insightface's ArcFace (buffalo_l)", embed_by_insight, load_insight, "arXiv 1801.07698", ()),
    "mica": ("MICA's ArcFace", make_embedder(load_mica), load_mica, "github.com/xg-chu/GAGAvatar, issue 43",
             ("GAGAvatar",)),
}  # fmt: skip
"""Id -> what people call it, how it embeds a picture, what loads it, its source, papers that used it for CSIM."""


def _variant(name: str) -> Variant:
    title, embed, make, source, papers = RECOGNIZERS[name]
    return Variant(
        f"csim.{name}", f"CSIM, {title}",
        f"cosine of the embeddings by {title} of the result and of the true frame (self) or the portrait (cross)",
        source, "", "higher", lambda moment: cosine(embed(moment.result), embed(moment.person)), papers=papers,
        instrument=make,
    )  # fmt: skip


VARIANTS = tuple(map(_variant, RECOGNIZERS))
