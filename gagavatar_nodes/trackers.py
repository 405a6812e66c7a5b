"""The trackers by name: which one to take, and videos through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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

DECA = "deca_model.tar"
"""File of the tracker deca."""

OnFrame = Callable[[int, np.ndarray, "np.ndarray | None", bool], None]
AddCodes = Callable[[Motion], Motion]
"""Adds FLAME codes to the motion of a video that was tracked."""
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
    if tracker == "emica":
        if face not in (None, 0):
            raise FaceError("The tracker emica follows the largest face: choose the tracker landmarks for another one")
        motion, squares = _track_emica(video, settings, progress, source)
        return _with_length(motion), squares
    from .tracking.reference import film_recognizer
    from .tracking.sightings import Sightings
    from .tracking.video import track_video

    add_codes: AddCodes | None = None
    if tracker == "landmarks":
        add_codes = _landmark_codes(settings, smoothing)
    elif tracker == "deca":
        sightings = sightings or Sightings()
        add_codes = _deca_codes(settings, sightings)
    recognizer = film_recognizer(settings)
    motion = track_video(video, video.fps, smoothing, face, on_frame, progress, source, sightings, recognizer)
    if add_codes is None:
        return _with_length(motion), None
    from .tracking.landmarks import flame_square
    from .tracking.shots import seen_squares

    motion = add_codes(motion)
    return _with_length(motion), seen_squares(motion, *flame_square(motion))


def _with_length(motion: Motion) -> Motion:
    """Return it with how long the sound is that it was tracked with."""
    return replace(motion, extra=motion.extra | {SOUND: f"{len(motion) / motion.fps:.3f}"})


def _landmark_codes(settings: Settings, smoothing: float) -> AddCodes:
    """Return what fits FLAME to a tracked motion."""
    from .tracking.landmarks import fit_motion
    from .tracking.smoothing import PASS_SHARE

    flame = _load_landmarked_flame(settings)
    return lambda motion: fit_motion(motion, flame, smoothing=PASS_SHARE * smoothing)


def _deca_codes(settings: Settings, sightings: Sightings) -> AddCodes:
    """Return what adds what DECA sees to a motion; from now on it looks along as the sightings are filled."""
    from .tracking.emica.deca import Deca, look_with_deca, with_deca_codes

    flame = _load_landmarked_flame(settings)
    look_with_deca(Deca(require_weight(DECA, settings.folders), flame.template.device), sightings)
    return lambda motion: with_deca_codes(motion, sightings, flame)


def _load_landmarked_flame(settings: Settings) -> Flame:
    """Return FLAME; one without landmarks says what to do before the video is tracked."""
    flame = load_flame_model(settings)
    flame.landmarks(flame.template[None])
    return flame


def with_expressions(motion: Motion, flame: Flame) -> Motion:
    """Return a motion of FLAME codes alone, made fit to drive the embedded avatar."""
    from .face.arkit_flame import fit_arkit_flame, with_arkit

    return with_arkit(motion, fit_arkit_flame(flame))


def _track_emica(
    video: FrameSource, settings: Settings, progress: Callable[[int], None] | None, source: str
) -> tuple[Motion, list[Square]]:
    require_torch()
    from .tracking.emica.files import load_tracker

    width, height = video.size
    squares: list[Square] = []

    def seen(index: int, rectangle: tuple[int, int, int, int] | None) -> None:
        if rectangle is not None:
            left, top, wide, high = rectangle
            middle = np.array([left + wide / 2 - width / 2, top + high / 2 - height / 2]) / height
            squares.extend([(middle, wide / 2 / height)] * (index + 1 - len(squares)))
        if progress is not None:
            progress(index + 1)

    flame = load_flame_model(settings)
    tracker = load_tracker(settings, flame)
    motion = with_expressions(tracker.track(video, video.fps, source, on_frame=seen), flame)
    squares.extend(squares[-1:] * (len(motion) - len(squares)))
    return motion, squares
