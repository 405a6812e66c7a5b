"""One person among many faces: known from a picture, chosen in others, and followed through a video and its cuts."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..errors import FaceError, GagavatarError
from ..settings import Settings
from ..weights import find_weight
from .arcface import arcface_picture, five_points
from .face_mesh import Landmarks
from .faces import FaceChoice, FaceReference, choose_face
from .insight import find_pack
from .recognition import SAME, SFACE, Recognizer, bundled_recognizer, embedder
from .smoothing import DEFAULT_STRENGTH
from .video_tracker import VideoTracker

logger = logging.getLogger(__name__)

_CHECK_SECONDS = 0.4
"""Between looks at who it is that is followed; a face that looks otherwise than before is looked at too."""
_KEEP = 0.6
"""Share of the likeness by which a person is found that is enough to go on: heads turn away."""
_SAME_LOOK = 0.9
"""Correlation of a face with itself a frame before, under which it is looked at who it is."""
_SEARCH_SECONDS = 0.5
"""Between searches of the whole picture for a person who is not there; at a glimpse of a face it is searched too."""


def find_recognizer(settings: Settings) -> str:
    """Return which of `recognition.KINDS` is the best one here, unread: insightface, SFace, or the bundled one."""
    if find_spec("insightface") is not None and find_pack(settings) is not None:
        return "insightface"
    return "sface" if find_weight(SFACE, settings.folders) is not None else "dlib"


def recognizer(settings: Settings) -> Recognizer:
    """Return the recognizer of `find_recognizer`.

    Raises:
        WeightsError: a file of it is truncated, or another one.
    """
    kind = find_recognizer(settings)
    return Recognizer(embedder(kind, settings), SAME[kind])


def film_recognizer(settings: Settings) -> Recognizer:
    """Return what tells people apart in films: `recognizer`, or the bundled one where that cannot be loaded."""
    return _load_once(find_recognizer(settings), tuple(settings.folders))


@lru_cache(maxsize=1)
def _load_once(kind: str, folders: tuple[Path, ...]) -> Recognizer:
    try:
        return Recognizer(embedder(kind, Settings(weights=list(folders))), SAME[kind])
    except GagavatarError as error:
        logger.warning("People are told apart by the bundled network: %s", error)
        return bundled_recognizer()


def read_reference(path: str | os.PathLike[str], settings: Settings) -> FaceReference:
    """Return the person of a picture: its largest face.

    Raises:
        MediaError: the picture cannot be read.
        FaceError: it shows no face.
        WeightsError: as `recognizer`.
    """
    from ..media.images import read_image

    try:
        return reference_of(read_image(path).rgb, recognizer(settings), Path(path).name)
    except FaceError as error:
        raise FaceError(f"{path}: {error}") from error


def reference_of(image: np.ndarray, recognizer: Recognizer, name: str) -> FaceReference:
    """Return the person with the largest face of a picture [H, W, 3] uint8 RGB; see `FaceReference`."""
    face, (embed, same) = choose_face(image), recognizer
    return FaceReference(name, embed(image, face.points), embed, same, getattr(embed, "detect", None))


def make_tracker(
    fps: float,
    smoothing: float = DEFAULT_STRENGTH,
    face: FaceChoice = None,
    recognizer: Recognizer | None = None,
) -> VideoTracker:
    """Return what follows a face through a video: a known person where `face` is one, else who it shows first."""
    if isinstance(face, FaceReference):
        return PersonTracker(fps, smoothing, face)
    return VideoTracker(fps, smoothing, face, recognizer=recognizer)


class PersonTracker(VideoTracker):
    """Follows one person, also across cuts, and never takes another one for them: frames without them are lost ones."""

    def __init__(self, fps: float, smoothing: float, reference: FaceReference) -> None:
        super().__init__(fps, smoothing, reference)
        self._person = None  # the reference tells
        self._reference = reference
        self._check_period = max(1, round(_CHECK_SECONDS * fps))
        self._search_period = max(1, round(_SEARCH_SECONDS * fps))
        self._unchecked = 0
        self._absent = 0
        self._aligned: np.ndarray | None = None  # the face in the last frame, [112, 112, 3] less its mean, of norm 1

    def _first(self, image: np.ndarray) -> Landmarks | None:
        return self._find(image)

    def _follow(self, image: np.ndarray) -> Landmarks | None:
        found = super()._follow(image)
        if found is None:
            return None
        self._unchecked += 1
        if self._seems_the_same(image, found) and self._unchecked < self._check_period:
            return found
        self._unchecked = 0
        return found if self._reference.likeness(image, found) >= _KEEP * self._reference.threshold else None

    def _seems_the_same(self, image: np.ndarray, face: Landmarks) -> bool:
        """Whether a face looks as the one of the frame before, eye on eye and mouth on mouth."""
        now = arcface_picture(image, five_points(face.points)).astype(np.float32)
        now -= now.mean((0, 1))
        now /= max(float(np.linalg.norm(now)), 1e-6)
        before, self._aligned = self._aligned, now
        return before is None or float((before * now).sum()) >= _SAME_LOOK

    def _search(self, image: np.ndarray, *_: object) -> Landmarks | None:
        """Return the person, wherever in the picture: after a cut the last place says nothing."""
        found = (
            self._find(image)
            if self._absent % self._search_period == 0
            else self._take_up(self._reference.find(image, self._glimpse(image)))
        )
        self._absent = 0 if found is not None else self._absent + 1
        return found

    def _find(self, image: np.ndarray) -> Landmarks | None:
        return self._take_up(self._reference.search(image)[0])

    def _take_up(self, found: Landmarks | None) -> Landmarks | None:
        if found is not None:
            self._unchecked, self._aligned = 0, None
        return found
