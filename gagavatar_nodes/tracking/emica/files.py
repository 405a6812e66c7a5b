"""The published tracker's files, found and unpacked, and the tracker made of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ...cache import cache_folder
from ...weights import default_folder, require_weight
from . import archive
from .torchscript import check_recorded

if TYPE_CHECKING:
    from ...heads.flame import Flame
    from ...settings import Settings
    from .tracker import EmicaTracker

ARCHIVE = "track_resources.tar"


def tracker_folder(settings: Settings) -> Path:
    """Return the unpacked `track_resources.tar`; unpacks it where that was not done yet.

    Raises:
        WeightsError: the archive is missing, truncated or changed, or the program in it is another one than before.
        FileFormatError: it is not what it should be, or cannot be unpacked.
    """
    name = Path(ARCHIVE).stem
    places = (folder / name for folder in (*settings.folders, default_folder()))
    unpacked = next((place for place in places if not archive.missing_files(place)), None)
    if unpacked is None:
        packed = require_weight(ARCHIVE, settings.folders)
        unpacked = (packed.parent if os.access(packed.parent, os.W_OK) else cache_folder()) / name
        if archive.missing_files(unpacked):
            archive.unpack(packed, unpacked)
    check_recorded(unpacked / archive.VGGHEAD)
    return unpacked


def load_tracker(settings: Settings, flame: Flame) -> EmicaTracker:
    """Return the published tracker, on FLAME's device; raises as `tracker_folder`."""
    folder = tracker_folder(settings)
    from .tracker import EmicaTracker

    return EmicaTracker(folder, flame, str(flame.template.device))
