"""AED: average distance of expressions between result and driver."""

from __future__ import annotations

import numpy as np

from .deep3d import deep3d_codes, load_deep3d
from .emica_codes import emica_codes, load_emica
from .flame_codes import fit_codes, load_bundled_head, load_published_head
from .tracks import Tracks
from .variants import SELF, Maker, OfTracks, Variant, code_difference

_SKIN = 468


def mean_absolute(codes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[T] mean absolute difference of codes [T, N]."""
    return np.abs(np.asarray(codes, np.float64) - others).mean(-1)


def _arkit(tracks: Tracks) -> np.ndarray:
    return mean_absolute(tracks.result.motion.arkit, tracks.driver.motion.arkit)


def _landmarks(tracks: Tracks) -> np.ndarray:
    moved = tracks.result.canonical[:, :_SKIN] - tracks.driver.canonical[:, :_SKIN]
    return 10 * np.linalg.norm(moved, axis=-1).mean(-1)


def _flame(head: Maker) -> OfTracks:
    def of_tracks(tracks: Tracks) -> np.ndarray:
        result, driver = fit_codes(tracks, head)
        return mean_absolute(result.expression, driver.expression)

    return of_tracks


_TRACKED = "of the bundled tracker, raw"
_OTAVATAR = "github.com/theEricMa/OTAvatar, issue 27; FlexAvatar, scripts/compute_metrics.py"
_CHU = "github.com/xg-chu/GAGAvatar, issue 36: l1_loss, or its sum, from the author's memory"
VARIANTS = (
    Variant(
        "aed.l1.arkit", "AED, ARKit weights", f"mean absolute difference of the 52 ARKit weights {_TRACKED}; each face "
        "from its own neutral", "this program", "", "lower", of_tracks=_arkit,
    ),
    Variant(
        "aed.l2.landmarks478", "AED, landmarks without pose", "mean distance of the 468 landmarks of the skin, taken "
        f"back by the head's pose and size, {_TRACKED}", "this program", "mm", "lower", of_tracks=_landmarks,
        protocols=(SELF,),
    ),
    Variant(
        "aed.l1.head", "AED, bundled head", "mean absolute difference of the 100 expression codes of the bundled head, "
        "fitted to the landmarks", "this program", "", "lower", of_tracks=_flame(load_bundled_head),
        instrument=load_bundled_head,
    ),
    Variant(
        "aed.l1.flame", "AED, FLAME", "mean absolute difference of FLAME's 100 expression codes, fitted to the "
        "landmarks", "this program", "", "lower", of_tracks=_flame(load_published_head), instrument=load_published_head,
    ),
    Variant(
        "aed.l1.emica", "AED, EMICA", "mean absolute difference of the 100 FLAME expression codes that EMICA sees",
        "this program; EMICA as in github.com/xg-chu/GAGAvatar_track", "", "lower",
        code_difference(emica_codes, "expression"), instrument=load_emica,
    ),
    Variant(
        "aed.l1.deep3d", "AED, Deep3DFaceRecon", "mean absolute difference of Deep3DFaceRecon's 64 expression codes",
        _OTAVATAR, "", "lower", code_difference(deep3d_codes, "expression"), papers=("OTAvatar", "FlexAvatar"),
        instrument=load_deep3d,
    ),
    Variant(
        "aed.sum.deep3d", "AED, Deep3DFaceRecon, sum", "sum of absolute differences of the 64 expression codes", _CHU,
        "", "lower", code_difference(deep3d_codes, "expression", sum_up=True), instrument=load_deep3d,
    ),
)  # fmt: skip
