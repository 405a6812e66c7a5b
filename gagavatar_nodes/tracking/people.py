"""All faces of a film, each followed from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .face_mesh import FaceLandmarker, Landmarks, region_of_landmarks
from .faces import box_overlap, find_faces

_SEEN = 0.5
"""Face score from which landmarks are believed."""
_SEARCH_SECONDS = 0.5
"""Between searches for faces that came into the picture."""
_PATIENCE_SECONDS = 0.4
"""That a face may be hidden and still counts as the same person's."""
_SAME = 0.3
"""Intersection over union from which two boxes are of one face."""
_JUMP = 0.4
"""Face sizes, or share of its size, by which a face may change from one frame to the next."""


@dataclass
class _Person:
    number: int
    last: Landmarks
    lost: int = 0


class PeopleTracker:
    """Follows every face of a film. A person is known for as long as the face is followed without a cut."""

    def __init__(self, fps: float, smallest: float = 0.0, most: int = 8) -> None:
        """Faces smaller than `smallest` pixels, and more than `most` at a time, are left aside."""
        self._search_period = max(1, round(_SEARCH_SECONDS * fps))
        self._patience = max(1, round(_PATIENCE_SECONDS * fps))
        self._smallest, self._most = smallest, most
        self._people: list[_Person] = []
        self._frames = 0
        self._next = 0
        self._landmarker = FaceLandmarker()

    def feed(self, image: np.ndarray, cut: bool = False) -> dict[int, Landmarks | None]:
        """Return the faces in the next frame [H, W, 3] uint8 RGB, by the number of the person.

        `cut` where a shot begins.

        None stands for a person whose face is not to be seen at the moment. One who is left out is gone for good.
        """
        if cut:
            self._people.clear()
            self._frames = 0
        for person in self._people:
            self._follow(image, person)
        self._people = [person for person in self._people if person.lost <= self._patience]
        self._part()
        if self._frames % self._search_period == 0 or not self._people:
            self._search(image)
        self._frames += 1
        return {person.number: None if person.lost else person.last for person in self._people}

    def _follow(self, image: np.ndarray, person: _Person) -> None:
        found = self._landmarker.detect(image, region_of_landmarks(person.last))
        if found.score < _SEEN:
            person.lost += 1
        elif _jumped(person.last, found):
            person.lost = self._patience + 1
        else:
            person.last, person.lost = found, 0

    def _part(self) -> None:
        """Let the younger of two persons go who have come to be the same face."""
        kept: list[_Person] = []
        for person in sorted(self._people, key=lambda one: one.number):
            if not any(box_overlap(person.last.box, other.last.box) > _SAME for other in kept):
                kept.append(person)
        self._people = kept

    def _search(self, image: np.ndarray) -> None:
        for face in find_faces(image):
            known = any(box_overlap(face.box, person.last.box) > _SAME for person in self._people)
            if not known and face.size >= self._smallest and len(self._people) < self._most:
                self._people.append(_Person(self._next, face))
                self._next += 1


def _jumped(before: Landmarks, now: Landmarks) -> bool:
    moved = np.linalg.norm(now.box.reshape(2, 2).mean(0) - before.box.reshape(2, 2).mean(0)) / before.size
    return bool(moved > _JUMP or abs(np.log(now.size / before.size)) > _JUMP)
