"""Which faces a picture shows, and which of them is meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from ..errors import FaceError
from .detector import Detection, FaceDetector
from .face_mesh import FaceLandmarker, Landmarks
from .upright import look_region, turn_landmarks


@dataclass(frozen=True)
class FaceReference:
    """A person who is known from a picture."""

    name: str
    """Of the picture, for people."""
    embedding: np.ndarray
    """[D] float32 of norm 1."""
    embed: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """Embedding of a face: picture [H, W, 3] uint8 RGB and landmarks [478, 3], see `recognition.Embedder`."""
    threshold: float
    """Cosine from which a face is the person's."""
    detect: Callable[[np.ndarray], list[Detection]] | None = None
    """Another detector, which is asked before the bundled one: faces in a picture [H, W, 3] uint8 RGB."""

    def likeness(self, image: np.ndarray, face: Landmarks) -> float:
        """Return the cosine, -1 to 1, between the person and a face of a picture."""
        return float(self.embedding @ self.embed(image, face.points))

    def find(self, image: np.ndarray, faces: list[Landmarks]) -> Landmarks | None:
        """Return the face that is most like the person, if it is like enough."""
        rated = [(self.likeness(image, face), index) for index, face in enumerate(faces)]
        best, index = max(rated, default=(-1.0, 0))
        return faces[index] if best >= self.threshold else None

    def search(self, image: np.ndarray) -> tuple[Landmarks | None, list[Landmarks]]:
        """Return the person among all faces of a picture, also small ones and turned ones; and the faces seen last."""
        faces: list[Landmarks] = []
        for look in (self._detect, find_faces_any_way_up, partial(find_faces, small=True)):
            faces = look(image) or faces
            if (found := self.find(image, faces)) is not None:
                return found, faces
        return None, faces

    def _detect(self, image: np.ndarray) -> list[Landmarks]:
        """Faces by the other detector; doubtful ones too, because recognition decides."""
        if self.detect is None:
            return []
        sure, doubtful = _confirm(image, self.detect(image))
        return _distinct(sure + doubtful)


@dataclass(frozen=True)
class FromLeft:
    """A face by its place in the row, as one names people in a photograph."""

    index: int
    """0 is the leftmost."""


FaceChoice: TypeAlias = "int | FromLeft | tuple[float, float] | FaceReference | None"
"""None: the largest face; an index: 0 is the largest, 1 the next; a place from the left; a point (x, y) in pixels: the
face there; a person: the face that is theirs."""

_DOUBTFUL = 0.5
_SURE_DETECTION, _SURE_LANDMARKS = 0.75, 0.95
"""Scores: real faces have 0.9 and 1.0 but for profiles and paintings, random blobs 0.5 to 0.7 and anything."""
_REACH = 1.0
"""A point may lie this many face sizes from a face's center."""


def find_faces(image: np.ndarray, *, small: bool = False) -> list[Landmarks]:
    """Faces in `image` [H, W, 3] uint8 RGB with their landmarks, largest first.

    Detections that the landmark model does not take for a face are left out, and doubtful ones count only where there
    is no sure one. `small` looks for small faces even where there are large ones.
    """
    detector = FaceDetector()
    sure, doubtful = _confirm(image, detector.detect_whole(image))
    if small or not sure:
        sure += _confirm(image, detector.detect_tiles(image))[0]
    return sorted(_distinct(sure or doubtful), key=lambda face: -face.size)


def find_faces_any_way_up(image: np.ndarray) -> list[Landmarks]:
    """`find_faces`; where there is none, also in the picture turned by half and by quarters."""
    for turns in (0, 2, 1, 3):
        turned = np.ascontiguousarray(np.rot90(image, turns))
        if faces := find_faces(turned):
            return [turn_landmarks(face, -turns, turned.shape) for face in faces]
    return []


def _confirm(image: np.ndarray, detections: list[Detection]) -> tuple[list[Landmarks], list[Landmarks]]:
    """Sure and doubtful faces: a detection must look like a face to the landmark model, and again from close by."""
    landmarker = FaceLandmarker()
    sure: list[Landmarks] = []
    doubtful: list[Landmarks] = []
    for detection in detections:
        first = landmarker.detect(image, look_region(image, detection))
        if first.score < _DOUBTFUL:
            continue
        face = landmarker.refine(image, first)
        landmark_score = min(first.score, face.score)
        if detection.score >= _SURE_DETECTION or landmark_score >= _SURE_LANDMARKS:
            sure.append(face)
        elif landmark_score >= _DOUBTFUL:
            doubtful.append(face)
    return sure, doubtful


def _distinct(faces: list[Landmarks]) -> list[Landmarks]:
    kept: list[Landmarks] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not any(_overlap(face, other) for other in kept):
            kept.append(face)
    return kept


def _overlap(face: Landmarks, other: Landmarks) -> bool:
    return box_overlap(face.box, other.box) > 0.5


def box_overlap(box: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes [4]."""
    edges = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    intersection = np.clip(edges, 0, None).prod()
    return float(intersection / ((box[2:] - box[:2]).prod() + (other[2:] - other[:2]).prod() - intersection))


def choose_face(image: np.ndarray, choice: FaceChoice = None) -> Landmarks:
    """Return the face of `image` [H, W, 3] uint8 RGB that `choice` means.

    Raises:
        FaceError: there is no face, or none at that index or point, or none of that person.
    """
    if isinstance(choice, FaceReference):
        picked, faces = choice.search(image)
    else:
        faces = find_faces_any_way_up(image)
        if isinstance(choice, FromLeft):  # the small ones stand in the row too
            faces = max(faces, find_faces(image, small=True), key=len)
        picked = _pick(faces, choice)
        if picked is None:
            faces = find_faces(image, small=True)
            picked = _pick(faces, choice)
    if picked is None:
        raise FaceError(_refusal(faces, choice))
    return picked


def _pick(faces: list[Landmarks], choice: int | FromLeft | tuple[float, float] | None) -> Landmarks | None:
    if not faces:
        return None
    if choice is None:
        return faces[0]
    if isinstance(choice, FromLeft):
        faces, choice = sorted(faces, key=lambda face: float(face.box[0] + face.box[2])), choice.index
    if isinstance(choice, int):
        return faces[choice] if 0 <= choice < len(faces) else None
    distances = [np.linalg.norm(face.box.reshape(2, 2).mean(0) - choice) / face.size for face in faces]
    nearest = int(np.argmin(distances))
    return faces[nearest] if distances[nearest] <= _REACH else None


def _refusal(faces: list[Landmarks], choice: FaceChoice) -> str:
    if not faces:
        return "No face was found: use a picture in which the face is well lit and turned to the camera."
    count = "1 face was" if len(faces) == 1 else f"{len(faces)} faces were"
    if isinstance(choice, FaceReference):
        return f"No face is that of the person in {choice.name}: {count} found. Use another picture of the person."
    if isinstance(choice, int | FromLeft):
        index, first = (choice, "largest") if isinstance(choice, int) else (choice.index, "leftmost")
        return f"There is no face {index}: {count} found, so choose 0 to {len(faces) - 1} (0 is the {first})."
    assert choice is not None
    centers = ", ".join("({:.0f}, {:.0f})".format(*face.box.reshape(2, 2).mean(0)) for face in faces[:5])
    return f"There is no face at ({choice[0]:.0f}, {choice[1]:.0f}): {count} found, at {centers}."
