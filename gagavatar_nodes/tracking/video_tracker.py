"""One face through the frames of a video or a webcam."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from .cuts import CutDetector
from .detector import FaceDetector
from .face_mesh import FaceLandmarker, Landmarks, region_of_landmarks
from .faces import FaceChoice, choose_face, find_faces, find_faces_any_way_up
from .identity import OTHER, SURE, Person, resemblance
from .recognition import Recognizer, bundled_recognizer
from .registration import Registration
from .smoothing import DEFAULT_STRENGTH, OneEuroFilter
from .upright import look_region

_LOST = 0.5
"""Face score under which the face is looked for again."""
_SEARCH_PERIOD = 1.0
"""Seconds between searches for small faces while there is none; a search of the whole picture runs on every frame."""
_REACH, _REACH_PER_SECOND = 1.0, 2.0
"""Face sizes that the face may have moved when several were seen, at once and per second out of sight."""
_CHECK_SECONDS, _DOUBT_SECONDS = 0.5, 0.1
"""Between looks at who it is that is followed, and where that is not sure; a face that looks otherwise than in the
frame before is looked at too."""
_SAME_LOOK = 0.75
"""Resemblance of one person's face to the frame before."""
_LIKE_SECONDS = 0.2
"""Between comparisons with other faces of the picture while the followed face does not look like the person's."""
_MOMENT = 0.5
"""Seconds for which a face stays as it was seen, about."""
_ALIKE = 3.2
"""By how much less like the person a face is for each share by which it does not resemble the last one."""
_PREFERRED = 0.2
"""By how much another face must be more like the person."""
_PLACE = 0.1
"""Weight of place and size beside looks after a cut: of twins, the nearer one."""
_JUMP_SIZE, _JUMP_PLACE = 0.05, 0.1
"""Logarithm of the size, and face sizes, by which a face changes at once where a new shot begins."""
_FADE_JUMP = 3.0
"""By how much more it changes over a dissolve, in which it moves by itself as well."""
_LONGEST_FADE = 48
"""Frames."""


@dataclass(frozen=True)
class TrackedFrame:
    """The followed face in one frame."""

    points: np.ndarray
    """[478, 3] float32 pixels, smoothed; z grows away from the camera."""
    score: float
    """0..1 the landmark model's face score."""
    new_shot: bool = False
    """A shot begins here: size and place have nothing to do with those before."""
    doubtful: bool = False
    """It may be another person, who was taken for the followed one after a cut."""
    tones: np.ndarray | None = None
    """See `covered.face_tones`."""


@dataclass(frozen=True)
class Found:
    """What was found in one frame, before it is registered and smoothed."""

    face: Landmarks | None
    new_shot: bool = False
    """See `TrackedFrame.new_shot`."""
    doubtful: bool = False
    interrupted: bool = True
    """What came before does not smooth it,"""
    anew: bool = False
    """nor is it registered with what came before, unless it looks the same."""


class VideoTracker:
    """Follows one face from frame to frame: landmarks in the region of the last ones, the detector when they are lost.

    At a cut, and where the picture changes at once, the face is looked for anew, and known by its looks. Within a shot
    a lost face is taken up again near to where it was where several faces were seen. Another person is not taken for
    it; see `stranger`.
    """

    def __init__(
        self,
        fps: float,
        smoothing: float = DEFAULT_STRENGTH,
        face: FaceChoice = None,
        faithful: bool = True,
        registered: bool = True,
        recognizer: Recognizer | None = None,
    ) -> None:
        """`smoothing` is 0 (raw) to 1; `face` chooses among the faces of the first frame that shows one.

        Not `faithful`, for webcams: there are no cuts, and whoever sits down in front of it is followed. Not
        `registered`: landmarks as the model says, frame by frame. `recognizer` tells people apart; the bundled one by
        default.
        """
        self._fps = fps
        self._choice = face
        self._filter = OneEuroFilter(fps, smoothing)
        self._landmarker = FaceLandmarker()
        self._cuts = CutDetector() if faithful else None
        self._registered = registered
        self._registration: Registration | None = None
        self._person = Person(recognizer or bundled_recognizer()) if faithful else None
        self._image = np.zeros((1, 1, 3), np.uint8)
        self._looks: list[tuple[Landmarks, np.ndarray]] = []  # of faces in the last picture
        self._unchecked = 0  # frames for which nobody looked who is followed
        self._sure = True  # when somebody did
        self._last: Landmarks | None = None
        self._frames_lost = 0
        self._faces_seen = 0
        self._past: deque[Landmarks | None] = deque(maxlen=_LONGEST_FADE)
        self._refused = False  # since the cut
        self._cut = False  # since the face was seen last
        self._recolored = False  # and not only a jump zoom
        self._unlike = 0  # frames for which the followed face has not looked like the person's
        self.stranger = False
        """Whether the last frame showed a face, but not the person's."""
        self.faded = 0
        """Frames before the last one that showed two shots at once."""

    def feed(self, image: np.ndarray) -> TrackedFrame | None:
        """Return the face in the next frame [H, W, 3] uint8 RGB, or None where it is not to be seen.

        Raises:
            FaceError: `face` is an index or a point at which the first frame with faces has none.
        """
        return self.settle(self.find(image))

    def find(self, image: np.ndarray) -> Found:
        """Find the face in the next frame: `feed` without `settle`, which may follow in another thread."""
        self.stranger, self.faded = False, 0
        self._image = image
        self._looks.clear()
        sudden, faded = self._changes(image)
        found = (None if sudden or faded else self._follow(image)) or self._search(image, sudden)
        self._past.append(found)
        if found is None:
            self._frames_lost += 1
            self.faded = faded
            return Found(None)
        return self._judge(found, faded)

    def settle(self, found: Found) -> TrackedFrame | None:
        """Register and smooth what `find` has found, frame by frame in their order."""
        if found.interrupted:
            self._filter.reset()
        if found.face is None:
            return None
        points = self._filter(self._register(found.face, found.anew, found.doubtful), found.face.size)
        return TrackedFrame(points, found.face.score, found.new_shot, found.doubtful, found.face.tones)

    def _changes(self, image: np.ndarray) -> tuple[bool, int]:
        """Whether the picture is suddenly another one, and how many frames a dissolve took that is over now."""
        if self._cuts is None:
            return False, 0
        fading = self._cuts.faded
        cut = self._cuts.feed(image)
        faded = 0 if self._cuts.faded else min(fading, _LONGEST_FADE)
        if faded:
            self._last = next((face for face in list(self._past)[-faded - 1 :] if face is not None), self._last)
        self._cut |= cut or self._cuts.sudden or faded > 0
        self._recolored |= cut or faded > 0
        sudden = cut or self._cuts.sudden
        self._refused &= not (sudden or faded)
        return sudden, faded

    def _judge(self, found: Landmarks, faded: int) -> Found:
        bounds = _FADE_JUMP if faded else 1.0
        jumped = self._cut and self._last is not None and _jumped(self._last, found, bounds)
        doubtful = self._recolored and self._likeness_now(found) < SURE
        interrupted, anew = self._cut, self._cut or self._frames_lost > self._fps
        self._learn(found)
        self._last, self._frames_lost, self._cut, self._recolored = found, 0, False, False
        self.faded = faded if jumped else 0
        return Found(found, jumped, doubtful, interrupted, anew)

    def _register(self, found: Landmarks, anew: bool, doubtful: bool) -> np.ndarray:
        """Return the landmarks [478, 3] where the skin is that they were on in the first view.

        After a cut (`anew`) that is another view, but for the same person who looks the same.
        """
        if not self._registered or found.view is None:
            return found.points
        if anew and self._registration is not None:
            same = self._person is not None and not doubtful and self._registration.knows(found.view, found.points)
            self._registration = self._registration if same else None
        if self._registration is None:
            self._registration = Registration(found.view, found.points)
            return found.points
        return self._registration(found.view, found.points)

    def _learn(self, face: Landmarks) -> None:
        """Keep how the person looks, where it was looked who this is."""
        if self._person is None or (self._person.known and not self._looked_at(face)):
            return
        likeness = self._likeness(face)
        self._unchecked, self._sure = 0, likeness >= SURE or (self._sure and not self._recolored)
        if self._sure and likeness >= 1:
            self._person.learn(self._look(face))

    def _looked_at(self, face: Landmarks) -> bool:
        return any(face is other for other, _ in self._looks)

    def _look(self, face: Landmarks) -> np.ndarray:
        assert self._person is not None
        if not self._looked_at(face):
            self._looks.append((face, self._person.look(self._image, face)))
        return next(look for other, look in self._looks if other is face)

    def _likeness(self, face: Landmarks) -> float:
        """How like the person's looks those of a face in this picture are, see `Person.likeness`."""
        return SURE if self._person is None else self._person.likeness(self._look(face))

    def _likeness_now(self, face: Landmarks) -> float:
        """`_likeness`, more for a face that is seen just as the followed one was a moment ago in the same shot."""
        likeness = self._likeness(face)
        if self._last is None or self._cut or not self._sure or self._frames_lost > _MOMENT * self._fps:
            return likeness
        return max(likeness, 2 - _ALIKE * (1 - resemblance(face, self._last)))

    def _follow(self, image: np.ndarray) -> Landmarks | None:
        if self._last is None or self._frames_lost:
            return None
        found = self._landmarker.detect(image, region_of_landmarks(self._last))
        return found if found.score >= _LOST and self._is_still_the_person(found) else None

    def _is_still_the_person(self, found: Landmarks) -> bool:
        """Whether the followed face has not become another's, as where two people pass each other."""
        assert self._last is not None
        self._unchecked += 1
        period = round((_CHECK_SECONDS if self._sure else _DOUBT_SECONDS) * self._fps)
        changed = resemblance(found, self._last) < _SAME_LOOK
        if self._person is None or not (changed or self._unlike or self._unchecked >= period):
            return True
        likeness = self._likeness(found)
        if likeness >= 1:
            self._unlike = 0
            return True
        check = self._unlike % max(1, round(_LIKE_SECONDS * self._fps)) == 0
        self._unlike += 1
        if not self._sure or (changed and likeness < OTHER):
            return False
        return not (check and any(self._likeness(face) > likeness + _PREFERRED for face in self._glimpse(self._image)))

    def _search(self, image: np.ndarray, sudden: bool) -> Landmarks | None:
        thorough = sudden or self._frames_lost % max(1, round(_SEARCH_PERIOD * self._fps)) == 0
        if self._last is None:
            return self._first(image) if thorough or self._glimpse(image) else None
        faces = find_faces(image) if thorough else self._glimpse(image)
        self._faces_seen = max(self._faces_seen, len(faces))
        if sudden and self._cuts is not None and not all(self._cuts.changed(face.box, image.shape) for face in faces):
            self._cut = self._recolored = False  # a face goes on as before: something else in the picture changed
        least = SURE if self._refused else 1 if self._cut or self._faces_seen > 1 else OTHER
        known = [face for face in faces if self._likeness_now(face) >= least]
        if self._cut and not known and thorough:
            known = [face for face in find_faces(image, small=True) if self._likeness_now(face) >= least]
        self.stranger = bool(faces) and not known
        self._refused |= self.stranger
        if self._cut:
            return max(
                known, key=lambda face: self._likeness_now(face) - _PLACE * _distance(face, self._last), default=None
            )
        if self._faces_seen > 1:
            reach = _REACH + _REACH_PER_SECOND * self._frames_lost / self._fps
            known = [face for face in known if _distance(face, self._last) <= reach]
        return min(known, key=lambda face: _distance(face, self._last), default=None)

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
    return 0.0 if other is None else _move(face, other) + abs(float(np.log(face.size / other.size)))


def _move(face: Landmarks, other: Landmarks) -> float:
    """Between the faces' centers, in sizes of `other`."""
    return float(np.linalg.norm(face.box.reshape(2, 2).mean(0) - other.box.reshape(2, 2).mean(0))) / other.size


def _jumped(before: Landmarks, now: Landmarks, bounds: float) -> bool:
    return abs(np.log(now.size / before.size)) > bounds * _JUMP_SIZE or _move(now, before) > bounds * _JUMP_PLACE
