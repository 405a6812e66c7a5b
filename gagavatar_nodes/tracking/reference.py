"""One person among many faces: known from a picture, chosen in others, and followed through a video and its cuts."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FaceError, WeightsError
from ..weights import find_weight
from .arcface import arcface_picture, five_points
from .face_mesh import Landmarks
from .faces import FaceChoice, FaceReference, choose_face
from .insight import find_pack
from .recognition import SAME, SFACE, Embedder, embedder
from .smoothing import DEFAULT_STRENGTH
from .video_tracker import VideoTracker

if TYPE_CHECKING:
    from ..settings import Settings

_CHECK_SECONDS = 0.4
"""Between looks at who it is that is followed; a face that looks otherwise than before is looked at too."""
_KEEP = 0.6
"""Share of the likeness by which a person is found that is enough to go on: heads turn away."""
_SAME_LOOK = 0.9
"""Correlation of a face with itself a frame before, under which it is looked at who it is."""
_SEARCH_SECONDS = 0.5
"""Between searches of the whole picture for a person who is not there; at a glimpse of a face it is searched too."""


def find_recognizer(settings: Settings) -> str | None:
    """Return the kind of the network of face recognition that is here, unread: insightface's before SFace."""
    if find_spec("insightface") is not None and find_pack(settings) is not None:
        return "insightface"
    return "sface" if find_weight(SFACE, settings.folders) is not None else None


def recognizer(settings: Settings) -> tuple[Embedder, float]:
    """Return the network of `find_recognizer`, and the likeness that it asks for.

    Raises:
        WeightsError: there is none; the message says how to get one. Nothing is fetched.
    """
    kind = find_recognizer(settings)
    if kind is not None:
        return embedder(kind, settings), SAME[kind]
    raise WeightsError(
        f"To know a person from a picture needs a network of face recognition: `gagavatar weights download {SFACE}` "
        "(Apache-2.0), or install insightface and place its pack buffalo_l (for non-commercial research) as "
        "`gagavatar weights path` says. An index or a point chooses a face without one"
    )


def read_reference(path: str | os.PathLike[str], settings: Settings) -> FaceReference:
    """Return the person of a picture: its largest face.

    Raises:
        MediaError: the picture cannot be read.
        FaceError: it shows no face.
        WeightsError: see `recognizer`.
    """
    from ..media.images import read_image

    embed, threshold = recognizer(settings)
    try:
        return reference_of(read_image(path).rgb, embed, threshold, Path(path).name)
    except FaceError as error:
        raise FaceError(f"{path}: {error}") from error


def reference_of(image: np.ndarray, embed: Embedder, threshold: float, name: str) -> FaceReference:
    """Return the person with the largest face of a picture [H, W, 3] uint8 RGB; see `FaceReference`."""
    face = choose_face(image)
    return FaceReference(name, embed(image, face.points), embed, threshold, getattr(embed, "detect", None))


def make_tracker(fps: float, smoothing: float = DEFAULT_STRENGTH, face: FaceChoice = None) -> VideoTracker:
    """Return what follows a face through a video: a person by looks where `face` is one, else a face by its place."""
    if isinstance(face, FaceReference):
        return PersonTracker(fps, smoothing, face)
    return VideoTracker(fps, smoothing, face)


class PersonTracker(VideoTracker):
    """Follows one person, also across cuts, and never takes another one for them: frames without them are lost ones."""

    def __init__(self, fps: float, smoothing: float, reference: FaceReference) -> None:
        super().__init__(fps, smoothing, reference)
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

    def _distance(self, face: Landmarks) -> float:
        return 0.0  # the network of face recognition tells

    def _find(self, image: np.ndarray) -> Landmarks | None:
        return self._take_up(self._reference.search(image)[0])

    def _take_up(self, found: Landmarks | None) -> Landmarks | None:
        if found is not None:
            self._unchecked, self._aligned = 0, None
        return found
