"""What can be said of a result without a truth: does it tremble, is it still itself, does it do as it was told."""

from __future__ import annotations

import os
from contextlib import suppress

import numpy as np

from ..errors import FaceError, GagavatarError
from ..media.video_reader import VideoReader
from ..settings import Settings
from ..tracking.recognition import KINDS, Embedder, embedder
from ..types import Motion, Portrait, Progress
from .correlation import agreement
from .drift import drift
from .jitter import jitter, still_stretches
from .scoring import Follower
from .tracks import Track

FRAMES = 1500
"""Frames that are looked at, from the beginning."""
_IDENTITY_STEP = 5
"""Frames from one that is recognized to the next."""


def measure_alone(
    path: str | os.PathLike[str],
    motion: Motion,
    portrait: Portrait,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Return lines of text: jitter, agreement of the expression with the motion, identity against the portrait.

    Args:
        path: the video that was made.
        motion: what it was driven by.
        portrait: whom it shows.
        settings: where recognizers' files are.
        progress: called with each frame.

    Raises:
        MediaError: the video cannot be read.
        FaceError: no frame of it shows a face.
    """
    known = recognizers(settings or Settings())
    with VideoReader(path) as video:
        count = min(video.frame_count or FRAMES, FRAMES)
        follow = Follower(video.fps, "result", registered=True)  # as the motion was tracked
        alike: dict[str, list[float]] = {name: [] for name in known}
        persons = {name: embed(portrait.crop, portrait.landmarks) for name, embed in known.items()}
        for index, frame in enumerate(video):
            if index >= FRAMES:
                break
            points = follow.see(frame)
            if points is not None and index % _IDENTITY_STEP == 0:
                for name, embed in known.items():
                    alike[name].append(float(np.dot(embed(frame, points), persons[name])))
            if progress is not None:
                progress(index + 1, count)
        track = follow.finish()
        fps = video.fps
    if track is None:
        raise FaceError("No face was found in the result, so there is nothing to measure")
    told = [*_jitter(track), *_expression(track, motion)]
    return [*told, *(_identity(name, np.array(values), fps / _IDENTITY_STEP) for name, values in alike.items())]


def recognizers(settings: Settings) -> dict[str, Embedder]:
    """Return the recognizers that are here, by name."""
    found: dict[str, Embedder] = {}
    for name in KINDS:
        with suppress(GagavatarError):
            found[name] = embedder(name, settings)
    return found


def _jitter(track: Track) -> list[str]:
    value = jitter(track.points, still_stretches(track.points))
    if not np.isfinite(value):
        return ["Jitter: nothing in it is still for long enough"]
    return [f"Jitter: {value:.2g} px at 512 pixels, where the face is still; less is better"]


def _expression(track: Track, motion: Motion) -> list[str]:
    frames = min(len(track.motion), len(motion))
    seen = track.seen[:frames]
    value = agreement(track.motion.arkit[:frames][seen], motion.arkit[:frames][seen])
    if not np.isfinite(value):
        return ["Expression: the motion stands still"]
    return [f"Expression: {value:.2f} correlation with the motion; 1 is perfect"]


def _identity(name: str, values: np.ndarray, fps: float) -> str:
    if not len(values):
        return f"Identity ({name}): no face was found"
    faded = drift(values, fps)
    lost = f", {faded:+.2f} from beginning to end" if np.isfinite(faded) else ""
    return f"Identity ({name}): {values.mean():.2f} likeness to the portrait{lost}; 1 is the same picture"
