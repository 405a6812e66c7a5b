"""A film in which the face says something else: each of its frames, re-expressed and put back into itself.

The head keeps the film's own pose. One avatar, lifted from the film's best frame, is drawn twice for each frame: with
the expression that was filmed, and with the new one. Where the two drawings are alike the film stays as it is; where
they differ the new one is laid over it, in the light of that frame. A face that keeps its expression is therefore
untouched, and what moves departs from the film continuously.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .driving.head_turn import angle_between, mean_rotation
from .driving.mixing import replace_parts
from .driving.retarget import HeadPlacement, Retargeter
from .driving.timeline import extend, resample, trim
from .easing import smoothstep
from .face.pose import NECK_PIVOT
from .media.excerpt import Excerpt
from .rendering.drawing import draw_frames
from .rendering.stitching import disc
from .tracking.arcface import similarity
from .types import ARKIT_NAMES, Camera, FrameSource, Gaussians, Motion, Progress

if TYPE_CHECKING:
    from .lifting.embedded.avatar import EmbeddedAvatar
    from .tracking.faces import FaceChoice
    from .tracking.recognition import Recognizer

_JAW = ARKIT_NAMES.index("jawOpen")
_EYES = [ARKIT_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
_EDGES = 192, 1024  # pixels of a drawing: as fine as the film shows the head, within these
_LIGHT = 0.06  # of a drawing's edge: details larger than this take the film's brightness and color
_LIGHTEST, _LEAST_LIGHT = 2.0, 0.02
_ALIKE, _DIFFERENT = 0.02, 0.07  # between the two drawings, 0..1, up to which the film stays, from which it gives way
_LIKE_FILM = 0.06, 0.16  # errors of the drawing, 0..1, between which the film is left alone around the face
_SPREAD, _SOFT = 0.02, 0.012  # of a drawing's edge, by which what gives way is grown and softened
_AROUND = 0.14  # of the face's height that it may change around its outline


@dataclass(frozen=True)
class WatchedFilm:
    """A film whose face is known: what `reexpress` needs beside its frames."""

    motion: Motion
    """Of the face as it was filmed; frames without it are bridged. Its times tell where in the film it begins."""
    landmarks: np.ndarray
    """[T, 478, 2] float32 pixels of the frames."""
    avatar: EmbeddedAvatar
    """Lifted from the frame `best`."""
    best: int


def watch(
    frames: FrameSource,
    smoothing: float,
    face: FaceChoice = None,
    progress: Progress | None = None,
    source: str = "",
    recognizer: Recognizer | None = None,
    start: float = 0.0,
    end: float | None = None,
) -> WatchedFilm:
    """Follow the face through a film, which is read twice, and lift its best frame.

    Args:
        frames: of the film, which can be read more than once.
        smoothing: strength of the One-Euro filter, 0 (raw) to 1.
        face: which face, see `tracking.video.track_video`.
        progress: called with each frame.
        source: the film's name, for people.
        recognizer: what tells people apart, see `track_video`.
        start: second of the film from which on it is watched.
        end: second at which that ends; None is its end.

    Raises:
        MediaError: nothing of the film lies between `start` and `end`.
        FaceError: no frame shows a face, or the face is too small or cut off even in the best one.
    """
    from .lifting.embedded import lift_portrait
    from .tracking.portrait import track_portrait
    from .tracking.video import track_video

    seen: list[np.ndarray] = []
    part = Excerpt(frames, start, end)

    def keep(index: int, image: np.ndarray, points: np.ndarray | None, bridged: bool) -> None:
        seen.append(np.full((478, 2), np.nan, np.float32) if points is None else points[:, :2].astype(np.float32))

    def count(done: int) -> None:
        if progress is not None:
            progress(done, part.frame_count)

    motion = track_video(part, part.fps, smoothing, face, keep, count, source, recognizer=recognizer)
    if part.first:
        motion = replace(motion, times=(motion.clock + part.first / part.fps).astype(np.float32))
    best = best_frame(motion)
    picture = next(part.frames_from(best))
    x, y = seen[best].mean(0)
    portrait = track_portrait(picture, face=(float(x), float(y)))
    return WatchedFilm(motion, np.stack(seen), lift_portrait(portrait), best)


def best_frame(motion: Motion) -> int:
    """Return the frame that shows the face best: turned as it mostly is, mouth shut and eyes open."""
    usual = mean_rotation(motion.rotation[motion.confidence > 0])
    turned = np.array([angle_between(rotation, usual) for rotation in motion.rotation])
    cost = turned / 15 + 1.5 * motion.arkit[:, _JAW] + motion.arkit[:, _EYES].mean(1) + (1 - motion.confidence)
    return int(np.argmin(np.where(motion.confidence > 0, cost, np.inf)))


def as_long(driver: Motion, film: WatchedFilm) -> Motion:
    """Return the driver at the film's rate, no longer than the film; a single face is held all along."""
    if len(driver) == 1:
        return extend(replace(driver, fps=film.motion.fps), len(film.motion), "hold")
    driver = resample(driver, film.motion.fps)
    return trim(driver, 0, min(len(driver), len(film.motion)))


def last_second(driver: Motion, start: float = 0.0, end: float | None = None) -> float | None:
    """Return the second of a film, None for its end, up to which a driver that begins at `start` has a use for it."""
    if len(driver) == 1:
        return end
    last = start + len(driver) / driver.fps
    return last if end is None else min(end, last)


def reexpress(
    frames: FrameSource, film: WatchedFilm, driver: Motion, eyes: float = 1.0, mouth: float = 1.0
) -> Iterator[np.ndarray]:
    """Yield the watched frames [H, W, 3] uint8 with the driver's expression, up to the end of the shorter of the two.

    Frames in which the face was not seen come as they are.

    Args:
        frames: of the film, from its beginning.
        film: what `watch` found in them.
        driver: whose expression is taken, brought to the film by `as_long`.
        eyes: 0..1 how much of the driver's eyes and brows is taken; 0 leaves those of the film.
        mouth: 0..1 the same of mouth and jaw.
    """
    motion = replace_parts(film.motion, driver, eyes, mouth)
    filmed = film.avatar.perform(film.motion, "same", pose="absolute").retargeter
    wanted = filmed.follow(motion)
    edge, size = _drawn_edge(film), film.avatar.stage.size
    seen = film.motion.confidence[: len(motion)] > 0
    moved: deque[np.ndarray] = deque()  # ahead of what is drawn
    drawings = draw_frames(_posed(film, (filmed, wanted), np.flatnonzero(seen).tolist(), moved), edge, edge)
    watched = frames.frames_from(round(film.motion.clock[0] * film.motion.fps))
    for index, frame in zip(range(len(motion)), watched, strict=False):
        if not seen[index]:
            yield frame
            continue
        before = [part.copy() for part in next(drawings)]
        after = next(drawings)
        outlines = [_landmarks(film, moved.popleft(), index) * (edge / size) for _ in range(2)]
        yield _lay_over(frame, before, after, outlines, similarity(outlines[0], film.landmarks[index, :468]))


def _posed(
    film: WatchedFilm, faces: tuple[Retargeter, Retargeter], indices: list[int], moved: deque[np.ndarray]
) -> Iterator[tuple[Gaussians, Camera]]:
    """Yield the avatar in the film's poses, each with both expressions, whose displacements join `moved`."""
    for index in indices:
        for face in faces:
            displacements = face.displacements(index)
            moved.append(displacements)
            yield film.avatar.gaussians(displacements, face.gaze(index), _placement(film, index)), film.avatar.camera()


def _placement(film: WatchedFilm, index: int) -> HeadPlacement:
    return HeadPlacement(film.motion.rotation[index].astype(np.float64), 1.0, np.zeros(3))


def _landmarks(film: WatchedFilm, displacements: np.ndarray, index: int) -> np.ndarray:
    """[468, 2] where a drawing of the crop's size has the face's landmarks, pixels."""
    stage, points = film.avatar.stage, (film.avatar.canonical + displacements)[:468]
    turned = (points - NECK_PIVOT) @ film.motion.rotation[index].T.astype(np.float64)
    return stage.project_weakly(turned + stage.from_canonical(NECK_PIVOT[None]))


def _drawn_edge(film: WatchedFilm) -> int:
    """Pixels of a drawing that is as fine as the film, four at a time."""
    size = film.avatar.stage.size
    some = np.flatnonzero(film.motion.confidence > 0)[:: max(1, len(film.motion) // 50)]
    still = np.zeros((478, 3))
    scales = [
        abs(similarity(_landmarks(film, still, i), film.landmarks[i, :468])[:, 0] @ [1, 1j]) for i in some.tolist()
    ]
    return int(np.clip(4 * round(size * float(np.median(scales)) / 4), *_EDGES))


def _hull(points: np.ndarray, edge: int) -> np.ndarray:
    """[edge, edge] uint8: 1 inside of the points' outline."""
    import cv2

    inside = np.zeros((edge, edge), np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(points.astype(np.float32)).astype(np.int32), 1)
    return inside


def _reach(points: np.ndarray, edge: int) -> np.ndarray:
    """[edge, edge] float32: 1 inside of the points' outline, falling to 0 around it, where nothing changes."""
    import cv2

    distance = cv2.distanceTransform(1 - _hull(points, edge), cv2.DIST_L2, 3)
    return smoothstep(1 - distance / (_AROUND * float(np.ptp(points[:, 1])))).astype(np.float32)


def _lay_over(
    frame: np.ndarray,
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    outlines: list[np.ndarray],
    to_frame: np.ndarray,
) -> np.ndarray:
    """Return the frame [H, W, 3] uint8 with what differs between two drawings, rgb and alpha, of its head.

    `outlines` are the landmarks in both.
    `to_frame` [2, 3] takes pixels of the drawings to the frame's.
    """
    import cv2

    edge = len(before[1])
    seen = cv2.warpAffine(
        frame, to_frame, (edge, edge), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    seen = seen.astype(np.float32) / 255
    light = _light(seen, before[0], before[1] * _hull(outlines[0], edge))
    old, new = (light * rgb - alpha[..., None] * seen for rgb, alpha in (before, after))
    face = np.concatenate(outlines)
    known = np.maximum(_known(old), _hull(face, edge))
    changed = _difference(before, after) * _reach(face, edge) * cv2.GaussianBlur(known, (0, 0), _SOFT * edge)
    delta = changed[..., None] * new
    left, top, right, bottom = _box(to_frame, edge, frame.shape)
    if right <= left or bottom <= top:
        return frame
    shifted = to_frame - [[0, 0, left], [0, 0, top]]
    delta = cv2.warpAffine(delta, shifted, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    result = frame.copy()
    part = result[top:bottom, left:right]
    part[:] = np.clip(np.rint(part + 255 * delta), 0, 255)
    return result


def _known(error: np.ndarray) -> np.ndarray:
    """[S, S] float32 1 where a drawing of what was filmed is like the film, 0 where the two differ by an edge."""
    import cv2

    off = cv2.dilate(cv2.GaussianBlur(np.abs(error).max(-1), (0, 0), 1.0), disc(_SPREAD * len(error)))
    return (1 - smoothstep((off - _LIKE_FILM[0]) / (_LIKE_FILM[1] - _LIKE_FILM[0]))).astype(np.float32)


def _light(seen: np.ndarray, drawn: np.ndarray, share: np.ndarray) -> np.ndarray:
    """[S, S, 3] by how much the film is brighter than the drawing, but for details."""
    import cv2

    edge = len(seen)
    small = max(16, round(edge / 4))

    def coarse(image: np.ndarray) -> np.ndarray:
        shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        return cv2.GaussianBlur(shrunk, (0, 0), _LIGHT * small)

    weight = share[..., None]
    light = (coarse(seen * weight) + _LEAST_LIGHT) / (
        coarse(np.ascontiguousarray(drawn[..., :3] * weight)) + _LEAST_LIGHT
    )
    return cv2.resize(np.clip(light, 1 / _LIGHTEST, _LIGHTEST), (edge, edge), interpolation=cv2.INTER_LINEAR)


def _difference(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> np.ndarray:
    """[S, S] float32 0..1 where two drawings differ, with what lies between such places."""
    import cv2

    edge = len(before[1])
    differs = np.maximum(np.abs(after[0] - before[0]).max(-1), np.abs(after[1] - before[1]))
    differs = cv2.dilate(cv2.GaussianBlur(differs, (0, 0), 1.0), disc(_SPREAD * edge))
    differs = smoothstep((differs - _ALIKE) / (_DIFFERENT - _ALIKE)).astype(np.float32)
    return cv2.GaussianBlur(differs, (0, 0), _SOFT * edge)


def _box(matrix: np.ndarray, edge: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """left, top, right, bottom of a drawing in the frame, as far as it lies inside."""
    corners = matrix[:, :2] @ np.array([[0, edge, 0, edge], [0, 0, edge, edge]]) + matrix[:, 2:]
    low, high = np.floor(corners.min(1)).astype(int), np.ceil(corners.max(1)).astype(int) + 1
    return max(0, low[0]), max(0, low[1]), min(shape[1], high[0]), min(shape[0], high[1])
