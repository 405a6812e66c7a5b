"""From the frames of a video to a motion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import repeat

import numpy as np

from ..background import Prefetch
from ..errors import FaceError
from ..types import Motion
from .bridging import ShotNotes
from .face_mesh import Landmarks
from .faces import FaceChoice, FaceReference
from .recognition import Recognizer
from .recorder import MotionRecorder
from .reference import make_tracker
from .sightings import Sighting, Sightings
from .smoothing import DEFAULT_STRENGTH, PASS_SHARE, OneEuroFilter
from .video_tracker import Found, VideoTracker

_AHEAD = 2
"""Frames."""


def track_video(
    frames: Iterable[np.ndarray],
    fps: float,
    smoothing: float = DEFAULT_STRENGTH,
    face: FaceChoice = None,
    on_frame: Callable[[int, np.ndarray, np.ndarray | None, bool], None] | None = None,
    progress: Callable[[int], None] | None = None,
    source: str = "",
    sightings: Sightings | None = None,
    recognizer: Recognizer | None = None,
) -> Motion:
    """Follow one face through a video. The frames are streamed; only 3 KB of motion stay of each.

    A frame that does not show the face is bridged: filled in between its neighbors, or held at either end, with
    confidence 0 (`Motion.bridged` lists it). So is one that shows only other people. Across a cut the head keeps its
    size and place.

    Args:
        frames: [H, W, 3] uint8 RGB each, upright and of one size.
        fps: frames a second.
        smoothing: strength of the One-Euro filter, 0 (raw) to 1. It runs forward and backward and so does not lag.
        face: None for the largest face, an index (0 is the largest) or a point (x, y) in pixels, of the first frame
            that shows a face; or a person, who is followed across cuts and not mistaken for another one.
        on_frame: called with index, frame, landmarks [478, 3] in pixels (the last ones where there is no face, None
            before the first face) and whether the frame is bridged.
        progress: called with the number of frames done.
        source: what the motion was taken from, for people.
        sightings: filled with what is seen or, where they are complete, taken in its place. Where they are those of
            the beginning of a video, `frames` are the rest of it, and the motion is that of the whole.
        recognizer: what tells people apart; the bundled one by default.

    Raises:
        FaceError: no frame shows a face, or none at that index or point.
    """
    recorder = MotionRecorder(fps, source, PASS_SHARE * smoothing)
    points = None
    notes = ShotNotes()
    index = -1
    for index, (image, shape, seen) in enumerate(_track(frames, fps, smoothing, face, on_frame, sightings, recognizer)):
        tracked = seen.face
        recorder.forget(seen.faded)
        notes.add(index, tracked, seen.stranger)
        if tracked is not None:
            points = tracked.points
            if tracked.new_shot:
                recorder.begin_shot()
        if tracked is None:
            recorder.add(None, 0.0, shape)
        else:
            recorder.add(tracked.points, tracked.score, shape, tracked.tones)
        if on_frame is not None and image is not None:
            on_frame(index, image, points, tracked is None)
        if progress is not None:
            progress(index + 1)
    if points is None:
        where = f"{source}: " if source else ""
        if isinstance(face, FaceReference):
            raise FaceError(
                f"{where}the person of {face.name} was not recognized in any of the {index + 1} frames. Use another "
                "picture of the person, or choose the face by its index or a point on it."
            )
        raise FaceError(
            f"{where}no face was found in any of the {index + 1} frames. Use a video in which one face is well lit, "
            "turned to the camera and at least 32 pixels tall."
        )
    motion = recorder.finish()
    motion.extra.update(notes.words())
    return motion


def _track(
    frames: Iterable[np.ndarray],
    fps: float,
    smoothing: float,
    face: FaceChoice,
    on_frame: object,
    sightings: Sightings | None,
    recognizer: Recognizer | None,
) -> Iterator[tuple[np.ndarray | None, tuple[int, ...], Sighting]]:
    """Yield each frame (None where nobody looks at it), its shape, and the face in it, smoothed forward."""
    if sightings is None:
        tracker = make_tracker(fps, PASS_SHARE * smoothing, face, recognizer)
        with Prefetch(
            _find(frames, tracker), _AHEAD, "faces"
        ) as found:  # while it is registered, the next is looked for
            for image, unsettled, stranger, faded in found:
                yield image, image.shape, Sighting(tracker.settle(unsettled), stranger, faded)
        return
    smooth = OneEuroFilter(fps, PASS_SHARE * smoothing)
    for picture, seen in _see(frames, fps, face, on_frame, sightings, recognizer):
        face_seen = seen.face
        if face_seen is None or face_seen.new_shot:
            smooth.reset()
        if face_seen is not None:
            points = smooth(face_seen.points, Landmarks(face_seen.points, face_seen.score).size)
            seen = replace(seen, face=replace(face_seen, points=points))
        yield picture, sightings.shape, seen


def _find(frames: Iterable[np.ndarray], tracker: VideoTracker) -> Iterator[tuple[np.ndarray, Found, bool, int]]:
    """Yield each frame, what was found in it, and the tracker's `stranger` and `faded`."""
    for image in frames:
        yield image, tracker.find(image), tracker.stranger, tracker.faded


def _see(
    frames: Iterable[np.ndarray],
    fps: float,
    face: FaceChoice,
    on_frame: object,
    sightings: Sightings,
    recognizer: Recognizer | None,
) -> Iterator[tuple[np.ndarray | None, Sighting]]:
    if sightings.complete:
        wanted = on_frame is not None or sightings.wants_pictures
        pictures: Iterable[np.ndarray | None] = frames if wanted else repeat(None)
        for index, (picture, seen) in enumerate(zip(pictures, sightings.frames, strict=False)):
            if picture is not None:
                sightings.look_at(index, picture, seen)
            yield picture, seen
        return
    yield from ((None, seen) for seen in list(sightings.frames))
    tracker = sightings.tracker = sightings.tracker or make_tracker(fps, 0.0, face, recognizer)
    for index, image in enumerate(frames, len(sightings.frames)):
        seen = Sighting.by(tracker, image)
        sightings.add(seen, image.shape)
        sightings.look_at(index, image, seen)
        sightings.shape = image.shape
        yield image, seen
    sightings.finish()
