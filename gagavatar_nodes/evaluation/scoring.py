"""One pair: frames are streamed, each seen once; metrics of whole videos read the tracks that stay of them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FaceError, MediaError
from ..tracking.faces import choose_face
from ..tracking.video_tracker import VideoTracker
from ..types import Portrait, Progress
from .frames import open_frames
from .gallery import Gallery
from .pairs import Pair
from .registry import choose, split_missing
from .sights import Moment, Sight
from .staging import AvatarStage, GivenStage, Recipe, fit_to, move_still
from .tracks import Track, TrackRecorder, Tracks
from .variants import SELF, Instruments, Variant

STILL = "moved still"
"""Name of the baseline: the portrait, moved by a similarity to where the true face is."""
_HEADLINES = ("psnr.face", "identity.sface", "identity.insightface", "akd.l2.landmarks478")
"""Variants by which frames are worst, median and best: the first that is there."""


@dataclass(frozen=True)
class Work:
    """What is measured, and how."""

    recipe: Recipe = field(default_factory=Recipe)
    metrics: tuple[str, ...] = ()
    """Ids or beginnings of them; all where empty."""
    every: int = 1
    """Only each n-th frame of the driver."""
    frames: int | None = None
    """Only so many of the driver's frames."""
    baseline: bool = True
    """Score the moved still too, where the protocol has a true picture."""
    known: str | os.PathLike[str] | None = None
    """NumPy file [T, 4] with the driver's yaw and pitch in radians, jaw opening and blink; or an archive as the bundled
    driver's, with `angles` in degrees and ARKit `weights` by `names`."""


def score_pair(pair: Pair, work: Work, gallery: Path | None = None, report: Progress | None = None) -> dict[str, Any]:
    """Scores of one pair, as JSON has them.

    Args:
        pair: source, driver and, of another program, result.
        work: what is measured.
        gallery: folder for the pictures of the worst, median and best frames.
        report: called with the frames done and how many there are about.

    Raises:
        MediaError: a file cannot be read, or the result is too short or has another shape.
        FaceError: the portrait shows no face.
        WeightsError, GagavatarError: what the avatar needs is missing.
    """
    known = None if work.known is None else read_known(Path(work.known))
    instruments = Instruments(work.recipe.settings)
    chosen = choose(work.metrics, pair.protocol, known is not None)
    variants, missing = split_missing(chosen, instruments)
    stage = GivenStage(pair, work.recipe) if pair.result is not None else AvatarStage(pair, work.recipe)
    face = _face_of(stage.first, pair)
    portrait = Sight(stage.first, face, instruments)
    methods = [stage.method, *([STILL] if work.baseline and pair.protocol == SELF else [])]
    with ExitStack() as stack:
        video = stack.enter_context(open_frames(pair.driver))
        indices = _indices(pair, work, video.frame_count)
        fps = video.fps / work.every
        scorers = {name: Scorer(name, fps, variants) for name in methods}
        pictures = stack.enter_context(Gallery(gallery)) if gallery is not None else None
        follow = Follower(fps, "driver")
        done: list[int] = []
        for index, frame, drawn in _side_by_side(iter(video), stage, indices, pair):
            view = stage.view(frame, index)
            truth = Sight(view, follow.see(view), instruments)
            images = {stage.method: fit_to(drawn, view, pair.result)}
            if STILL in scorers and truth.points is not None:
                images[STILL] = move_still(stage.first, face, truth.points)
            for name, image in images.items():
                scorers[name].add(index, image, truth, portrait, pair.protocol == SELF)
            if pictures is not None:
                pictures.add(index, [truth.rgb, *images.values()])
            done.append(index)
            if report is not None:
                report(len(done), None if indices.stop is None else len(indices))
        if not done:
            raise MediaError(f"{pair.driver} has no frame to compare: it needs two, or fewer are skipped (--every)")
        driver = follow.finish()
        if driver is None:
            raise FaceError(f"{pair.driver}: no face was found in any of its frames, so there is nothing to compare")
        rows = None if known is None else _known_rows(known, done, work.known)
        scores = {name: scorer.finish(driver, stage.portrait, instruments, rows) for name, scorer in scorers.items()}
        content: dict[str, Any] = {
            "name": pair.name, "protocol": pair.protocol, "source": str(pair.source), "driver": str(pair.driver),
            "result": None if pair.result is None else str(pair.result), "fps": fps, "frames": done,
            "no_face": int((~driver.seen).sum()), "methods": scores, "missing": missing,
        }  # fmt: skip
        if isinstance(stage, AvatarStage):
            content["itself"] = {key: _number(value) for key, value in stage.itself().items()}
        if pictures is not None:
            content["pictures"] = pictures.choose(*_headline(scores[stage.method]), done)
    return content


class Follower:
    """Finds a face from frame to frame, without smoothing, and keeps its track."""

    def __init__(self, fps: float, name: str, registered: bool = False) -> None:
        """`registered`: as drivers are tracked; otherwise a metric rests on the landmark model alone."""
        self._tracker = VideoTracker(max(fps, 1.0), 0.0, faithful=False, registered=registered)
        self._recorder = TrackRecorder(fps, name)

    def see(self, picture: np.ndarray) -> np.ndarray | None:
        """Landmarks [478, 3] of the next frame, None without a face."""
        found = self._tracker.feed(picture)
        points = None if found is None else found.points
        self._recorder.add(points, 0.0 if found is None else found.score, picture.shape)
        return points

    def finish(self) -> Track | None:
        """Return the track; None where no frame showed a face."""
        return self._recorder.finish()


class Scorer:
    """Scores of one method: the frames' values and the track."""

    def __init__(self, name: str, fps: float, variants: list[Variant]) -> None:
        self._variants, self._follow = variants, Follower(fps, name)
        self._frames: dict[str, list[float]] = defaultdict(list)
        self._count = 0

    def add(self, index: int, image: np.ndarray, truth: Sight, portrait: Sight, same_person: bool) -> None:
        """Take the next frame."""
        sight = Sight(image, self._follow.see(image), truth.instruments)
        moment = Moment(index, sight, truth, portrait, same_person)
        for variant in self._variants:
            if variant.of_frame is not None:
                self._frames[variant.id].append(variant.of_frame(moment))
        self._count += 1

    def finish(
        self, driver: Track | None, portrait: Portrait | None, instruments: Instruments, known: np.ndarray | None
    ) -> dict[str, Any]:
        """Return means by id, values by frame, and how many frames had no face."""
        series = {name: np.array(values) for name, values in self._frames.items()}
        track = self._follow.finish()
        values: dict[str, float] = {}
        if track is not None and driver is not None:
            tracks = Tracks(track, driver, portrait, instruments, series, known)
            for variant in self._variants:
                if variant.of_tracks is None:
                    continue
                found = np.asarray(variant.of_tracks(tracks), np.float64)
                if found.ndim:
                    series[variant.id] = np.where(tracks.seen, found, np.nan)
                else:
                    values[variant.id] = float(found)
        values |= {name: _mean(one) for name, one in series.items()}
        ordered = {one.id: _number(values.get(one.id, float("nan"))) for one in self._variants}
        return {
            "values": ordered,
            "frames": {name: [_number(value) for value in one] for name, one in series.items()},
            "no_face": self._count if track is None else int((~track.seen).sum()),
        }


def read_known(path: Path) -> np.ndarray:
    """Return the known motion [T, 4] of a driver, see `Work.known`. Raises MediaError where the file is none."""
    try:
        known = np.load(path, allow_pickle=False)
        if not isinstance(known, np.ndarray):
            with known:
                known = _of_archive(known)
    except (OSError, ValueError, KeyError) as error:
        raise MediaError(f"{path} cannot be read as a NumPy file ({error}): give an array [frames, 4]") from error
    if known.ndim != 2 or known.shape[1] != 4:
        raise MediaError(f"{path} has the shape {known.shape}: give [frames, 4], yaw, pitch, jaw opening and blink")
    return known.astype(np.float64)


def _of_archive(archive: Any) -> np.ndarray:
    """[T, 4] of an archive as the bundled driver's: `angles` [T, 3] in degrees, `weights` [T, N] by `names` [N]."""
    names, weights = archive["names"].tolist(), archive["weights"]
    yaw, pitch = np.radians(archive["angles"][:, :2]).T
    jaw, blink = (weights[:, names.index(name)] for name in ("jawOpen", "eyeBlinkLeft"))
    return np.stack([yaw, pitch, jaw, blink], 1)


def _known_rows(known: np.ndarray, done: list[int], path: object) -> np.ndarray:
    if len(known) <= done[-1]:
        raise MediaError(f"{path} tells of {len(known)} frames, but the driver has a frame {done[-1]}")
    return known[done]


def _indices(pair: Pair, work: Work, count: int | None) -> range:
    """Frames to compare: not the one that is the portrait itself."""
    first = work.every if pair.protocol == SELF else 0
    stop = 10**9 if count is None else count
    return range(first, stop if work.frames is None else min(stop, work.frames), work.every)


def _side_by_side(
    truths: Iterator[np.ndarray], stage: Any, indices: range, pair: Pair
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield index, frame of the driver and result. Raises MediaError where the result ends before the driver."""
    total = getattr(getattr(stage, "performance", None), "__len__", lambda: None)()
    indices = indices if total is None else range(indices.start, min(indices.stop, total), indices.step)
    drawn = stage.frames(indices)
    for index, frame in enumerate(islice(truths, indices.stop)):
        if index < indices.start or (index - indices.start) % indices.step:
            continue
        picture = next(drawn, None)
        if picture is None:
            raise MediaError(
                f"The result of {pair.name} ends before frame {index} of its driver: render all of it, or measure less "
                "of it with --frames"
            )
        yield index, frame, picture


def _face_of(picture: np.ndarray, pair: Pair) -> np.ndarray:
    try:
        return choose_face(picture).points
    except FaceError as error:
        raise FaceError(f"{pair.source}: {error}") from error


def _headline(score: dict[str, Any]) -> tuple[str, list[float | None]]:
    frames = score["frames"]
    found = next((one for one in _HEADLINES if any(v is not None for v in frames.get(one, ()))), None)
    found = found or next((one for one, v in frames.items() if any(x is not None for x in v)), "")
    return found, frames.get(found, [])


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _number(value: float) -> float | None:
    """Return what JSON can hold, with seven digits; None for NaN."""
    return float(f"{value:.7g}") if np.isfinite(value) else None
