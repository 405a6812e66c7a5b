"""FLAME codes of both tracks, fitted to their landmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..devices import require_torch
from ..settings import Settings, load_flame_model
from ..types import FlameCodes
from .tracks import Tracks
from .variants import Maker

if TYPE_CHECKING:
    from ..heads.flame import Flame


def load_published_head(settings: Settings) -> Flame:
    """Return the FLAME file of the settings. Raises as `settings.load_flame_model`."""
    return load_flame_model(settings)


def load_bundled_head(settings: Settings) -> Flame:
    """Return the bundled head in FLAME's layout. Raises GagavatarError where there is no PyTorch."""
    require_torch()
    from ..face.embedded_flame import load_head
    from ..heads.editions import BUNDLED_HEAD
    from ..heads.flame import Flame

    return Flame(load_head(BUNDLED_HEAD))


def fit_codes(tracks: Tracks, head: Maker) -> tuple[FlameCodes, FlameCodes]:
    """Codes of the result and of the driver, each with a shape of its own."""
    return tracks.once(f"flame {head.__name__}", lambda: _fit(tracks, tracks.instruments.get(head)))


def _fit(tracks: Tracks, flame: Flame) -> tuple[FlameCodes, FlameCodes]:
    from ..tracking.landmarks import fit_motion

    result, driver = (fit_motion(one.motion, flame).flame for one in (tracks.result, tracks.driver))
    assert result is not None
    assert driver is not None
    return result, driver
