"""One face through the frames of a video or a webcam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .detector import FaceDetector
from .face_mesh import FaceLandmarker, Landmarks, region_of_landmarks
from .faces import FaceChoice, choose_face, find_faces, find_faces_any_way_up
from .smoothing import DEFAULT_STRENGTH, OneEuroFilter
from .upright import look_region

_LOST = 0.5
"""Face score under which the face is looked for again."""
_SEARCH_PERIOD = 1.0
"""Seconds between searches for small faces while there is none; a search of the whole picture runs on every frame."""
_REACH, _REACH_PER_SECOND = 1.0, 2.0
"""Face sizes that the face may have moved when several were seen, at once and per second out of sight."""


@dataclass(frozen=True)
class TrackedFrame:
    """The followed face in one frame."""

    points: np.ndarray
    """[478, 3] float32 pixels, smoothed; z grows away from the camera."""
    score: float
    """0..1 the landmark model's face score."""


class VideoTracker:
    """Follows one face from frame to frame: landmarks in the region of the last ones, the detector when they are lost.

    Where several faces were seen, a lost face is only taken up again near to where it was: another person who stays
    in the picture is not mistaken for it.
    """

    def __init__(self, fps: float, smoothing: float = DEFAULT_STRENGTH, face: FaceChoice = None) -> None:
        """`smoothing` is 0 (raw) to 1; `face` chooses among the faces of the first frame that shows one."""
        self._fps = fps
        self._choice = face
        self._filter = OneEuroFilter(fps, smoothing)
        self._landmarker = FaceLandmarker()
        self._last: Landmarks | None = None
        self._frames_lost = 0
        self._faces_seen = 0

    def feed(self, image: np.ndarray) -> TrackedFrame | None:
        """Return the face in the next frame [H, W, 3] uint8 RGB, or None where it is not to be seen.

        Raises:
            FaceError: `face` is an index or a point at which the first frame with faces has none.
        """
        found = self._follow(image) or self._search(image)
        if found is None:
            self._frames_lost += 1
            self._filter.reset()
            return None
        self._last, self._frames_lost = found, 0
        return TrackedFrame(self._filter(found.points, found.size), found.score)

    def _follow(self, image: np.ndarray) -> Landmarks | None:
        if self._last is None or self._frames_lost:
            return None
        found = self._landmarker.detect(image, region_of_landmarks(self._last))
        return found if found.score >= _LOST else None

    def _search(self, image: np.ndarray) -> Landmarks | None:
        thorough = self._frames_lost % max(1, round(_SEARCH_PERIOD * self._fps)) == 0
        if self._last is None:
            return self._first(image) if thorough or self._glimpse(image) else None
        faces = find_faces(image) if thorough else self._glimpse(image)
        self._faces_seen = max(self._faces_seen, len(faces))
        if self._faces_seen > 1:
            reach = _REACH + _REACH_PER_SECOND * self._frames_lost / self._fps
            faces = [face for face in faces if _distance(face, self._last) <= reach]
        return min(faces, key=lambda face: _distance(face, self._last), default=None)

    def _first(self, image: np.ndarray) -> Landmarks | None:
        faces = find_faces_any_way_up(image)
        if not faces:
            return None
        self._faces_seen = len(faces)
        return faces[0] if self._choice is None else choose_face(image, self._choice)

    def _glimpse(self, image: np.ndarray) -> list[Landmarks]:
        """Faces that the detector sees without tiles."""
        regions = [look_region(image, face) for face in FaceDetector().detect_whole(image)]
        faces = [self._landmarker.detect(image, region) for region in regions]
        return [self._landmarker.refine(image, face, 1) for face in faces if face.score >= _LOST]


def _distance(face: Landmarks, other: Landmarks | None) -> float:
    """Between the faces' centers, in sizes of `other`, plus how much their sizes differ."""
    if other is None:
        return 0.0
    move = (face.box.reshape(2, 2).mean(0) - other.box.reshape(2, 2).mean(0)) / other.size
    return float(np.linalg.norm(move) + abs(np.log(face.size / other.size)))
