"""The trackers by name: which one to take, and videos through it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .choices import TRACKERS
from .devices import has_torch, require_torch
from .errors import FaceError, GagavatarError
from .settings import Settings, load_flame_model
from .types import SOUND, FrameSource, Motion
from .weights import require_weight

if TYPE_CHECKING:
    from .heads.flame import Flame
    from .tracking.faces import FaceChoice
    from .tracking.sightings import Sightings

ARCHIVE, DECA = "track_resources.tar", "deca_model.tar"
"""Files of the trackers emica and deca."""

OnFrame = Callable[[int, np.ndarray, "np.ndarray | None", bool], None]
Square = tuple[np.ndarray, float]
"""Center [2] from the picture's center and half width, in picture heights, of the image of a frame's camera."""


def choose_tracker(tracker: str, settings: Settings) -> tuple[str, str]:
    """Return the tracker that a name means, and why: "auto" also gives FLAME codes where a FLAME file is there."""
    if tracker not in TRACKERS:
        raise GagavatarError(f"There is no tracker '{tracker}': choose one of {', '.join(TRACKERS)}")
    if tracker != "auto":
        return tracker, "as chosen"
    if not has_torch():
        return "embedded", "without PyTorch there are no FLAME codes"
    found = settings.find_flame()
    return ("embedded", "no FLAME file is here") if found is None else ("landmarks", f"{found.name} is here")


def track_file(
    video: FrameSource,
    tracker: str,
    settings: Settings,
    smoothing: float,
    face: FaceChoice = None,
    on_frame: OnFrame | None = None,
    progress: Callable[[int], None] | None = None,
    source: str = "",
    sightings: Sightings | None = None,
) -> tuple[Motion, list[Square] | None]:
    """A video's motion by one of `TRACKERS` other than "auto", and its cameras' squares where they differ by frame.

    `on_frame` and `sightings` are for those that track landmarks; see `video.track_video`.

    Raises:
        FaceError: no frame shows a face, or none at that index or point; or the tracker cannot choose among faces.
        WeightsError: a file of the tracker is missing, truncated or changed.
        GagavatarError: there is no PyTorch, or the FLAME file has no landmark embedding.
    """
    motion, squares = _tracked(video, tracker, settings, smoothing, face, on_frame, progress, source, sightings)
    return replace(motion, extra=motion.extra | {SOUND: f"{len(motion) / motion.fps:.3f}"}), squares


def _tracked(
    video: FrameSource,
    tracker: str,
    settings: Settings,
    smoothing: float,
    face: FaceChoice,
    on_frame: OnFrame | None,
    progress: Callable[[int], None] | None,
    source: str,
    sightings: Sightings | None,
) -> tuple[Motion, list[Square] | None]:
    if tracker == "emica":
        if face not in (None, 0):
            raise FaceError("The tracker emica follows the largest face: choose the tracker landmarks for another one")
        return _track_emica(video, settings, progress, source)
    from .tracking.video import track_video

    if tracker == "embedded":
        return track_video(video, video.fps, smoothing, face, on_frame, progress, source, sightings), None
    from .tracking.landmarks import flame_square, track_flame
    from .tracking.shots import seen_squares

    flame = load_flame_model(settings)
    flame.landmarks(flame.template[None])  # says what to do where there are none, before the video is tracked
    if tracker == "deca":
        from .tracking.emica.deca import Deca, track_deca

        deca = Deca(require_weight(DECA, settings.folders), flame.template.device)
        return track_deca(video, video.fps, flame, deca, smoothing, face, on_frame, progress, source), None
    motion = track_flame(video, video.fps, flame, None, smoothing, face, on_frame, progress, source, sightings)
    return motion, seen_squares(motion, *flame_square(motion))


def with_expressions(motion: Motion, flame: Flame) -> Motion:
    """Return a motion of FLAME codes alone, made fit to drive the embedded avatar."""
    from .face.arkit_flame import fit_arkit_flame, with_arkit

    return with_arkit(motion, fit_arkit_flame(flame))


def tracker_folder(settings: Settings) -> Path:
    """Return the unpacked `track_resources.tar`; unpacks it where that was not done yet.

    Raises:
        WeightsError: the archive is missing, truncated or changed, or the program in it is another one than before.
        FileFormatError: it is not what it should be, or cannot be unpacked.
    """
    from .cache import cache_folder
    from .tracking.emica import archive
    from .tracking.emica.torchscript import check_recorded
    from .weights import default_folder

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


def _track_emica(
    video: FrameSource, settings: Settings, progress: Callable[[int], None] | None, source: str
) -> tuple[Motion, list[Square]]:
    require_torch()
    folder, flame = tracker_folder(settings), load_flame_model(settings)
    from .tracking.emica.tracker import EmicaTracker

    width, height = video.size
    squares: list[Square] = []

    def seen(index: int, rectangle: tuple[int, int, int, int] | None) -> None:
        if rectangle is not None:
            left, top, wide, high = rectangle
            middle = np.array([left + wide / 2 - width / 2, top + high / 2 - height / 2]) / height
            squares.extend([(middle, wide / 2 / height)] * (index + 1 - len(squares)))
        if progress is not None:
            progress(index + 1)

    tracker = EmicaTracker(folder, flame, str(flame.template.device))
    motion = with_expressions(tracker.track(video, video.fps, source, on_frame=seen), flame)
    squares.extend(squares[-1:] * (len(motion) - len(squares)))
    return motion, squares
