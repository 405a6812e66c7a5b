"""From a driving video to a motion."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..choices import FACES, FPS, RATES, SMOOTHING
from ..errors import GagavatarError
from ..recent import Recent
from ..tracking.bridging import faults
from ..types import TURNS, FrameSource, Motion
from . import host, spec, tensors, validation
from .chunks import HIDDEN, Carried, chunk_number
from .models import HeadTracker
from .people import ORDERS, choose_person, order_input, person_input
from .progress import NodeProgress, run_cancellable
from .sound import heard_with, read_sound, take_sound

if TYPE_CHECKING:
    from ..tracking.faces import FaceChoice
    from ..tracking.sightings import Sightings, SightingsMemory

_NO_DRIVER = "Extract Driving has no driver: connect 'video' (Load Video) or 'images'"
_PREVIEW_EDGE = 512
_SAME_SECONDS = 0.1


class ExtractDriving:
    """`Extract Driving`."""

    DISPLAY_NAME = "Extract Driving"
    CATEGORY = "GAGAvatar"
    DESCRIPTION = (
        "Follows a face through a video: head pose, expression, gaze. A VIDEO from a file is read frame by frame, so "
        "its length does not matter. Frames that do not show the face are bridged and listed."
    )
    SEARCH_ALIASES = ("motion capture", "face tracking", "expression", "driving video", "landmarks", "mocap")
    RETURN_TYPES = (spec.MOTION, "AUDIO", "IMAGE", "STRING", "FLOAT")
    RETURN_NAMES = ("motion", "audio", "overlay", "report", "fps")
    OUTPUT_TOOLTIPS = (
        "For Render Avatar and the motion nodes.",
        "The sound of the video, or the AUDIO that came in.",
        "Some frames with what was tracked drawn on them.",
        "Length, frame rate and the list of bridged frames.",
        "Frames a second of the motion.",
    )
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "smoothing": spec.number(
                    SMOOTHING,
                    0,
                    1,
                    "Takes out jitter, without lag: 0 is raw, 1 is very smooth.",
                    step=0.05,
                    slider=True,
                ),
                "face": spec.whole(
                    0,
                    0,
                    FACES - 1,
                    "Which face to follow, in the first frame with one: 0 is the largest, or leftmost.",
                ),
                "fps": spec.number(
                    FPS, *RATES, "Frames a second of an IMAGE batch. A VIDEO knows its own.", step=0.001
                ),
                "preview_frames": spec.whole(
                    16, 0, 256, "Frames in the overlay output, evenly spread over the video; 0 for none.", advanced=True
                ),
            },
            "optional": {
                "video": spec.socket("VIDEO", "The driver, from Load Video. Takes the place of images."),
                "images": spec.socket("IMAGE", "The driver as a batch of frames, such as from VideoHelperSuite."),
                "audio": spec.socket("AUDIO", "Sound to pass on; takes the place of the video's own."),
                "tracker": spec.socket(spec.TRACKER, "From Load Head Tracker. Without it: embedded."),
                "person": person_input(film=True),
                "face_order": order_input(),
            },
            "hidden": HIDDEN,
        }

    @classmethod
    def VALIDATE_INPUTS(cls, input_types: validation.Links | None = None) -> bool | str:  # noqa: N802
        """Return True, or what would fail, before any work."""
        problem = validation.first_problem(cls, input_types)
        if problem is None and input_types is not None and not {"video", "images"} & set(input_types):
            problem = _NO_DRIVER
        return problem or True

    def run(
        self,
        smoothing: float,
        face: int,
        fps: float,
        preview_frames: int,
        video: Any = None,
        images: tensors.Batch | None = None,
        audio: dict[str, Any] | None = None,
        tracker: HeadTracker | None = None,
        person: tensors.Batch | None = None,
        face_order: str = ORDERS[0],
        prompt: Any = None,
        unique_id: str | None = None,
    ) -> tuple[Motion, dict[str, Any] | None, tensors.Batch | None, str, float]:
        """Raise `FaceError` where no frame shows a face, `GagavatarError` where nothing is connected."""
        from ..media.video_reader import VideoReader

        audio = take_sound(audio)
        if video is not None and host.is_components(video):
            parts = video.get_components()
            images, fps, audio = parts.images, float(parts.frame_rate), audio or parts.audio
            video = None
        if video is None and images is None:
            raise GagavatarError(_NO_DRIVER)
        choice = choose_person(person, face, face_order)
        job = _Tracking(tracker or HeadTracker("embedded"), smoothing, choice, preview_frames)
        if images is not None and video is None:
            tensors.check_images(images, "images")
            chunk = chunk_number(prompt, unique_id)
            if chunk is None:
                motion = job.of(PictureBatch(images, fps), "images", fingerprint(images))
            else:
                motion = job.of_chunk(PictureBatch(images, fps), chunk, unique_id)
        else:
            with file_of(video) as path, VideoReader(path) as reader:
                motion = job.of(reader, path.name, file_state(path), path)
                audio = audio or run_cancellable(lambda: read_sound(path))
        return heard_with(motion, audio), audio, job.overlay(), report(motion), motion.fps


def report(motion: Motion) -> str:
    """Return what was tracked, in words."""
    lines = [f"{len(motion)} frames at {motion.fps:g} a second ({len(motion) / motion.fps:.2f} s)"]
    lines += faults(motion) or ["the face was seen in every frame"]
    if turns := int(motion.extra.get(TURNS, 0)):
        lines.append(f"the pictures were turned upright, by {90 * turns} degrees counter-clockwise")
    return "\n".join(lines)


def face_of_picture(images: tensors.Batch) -> Motion:
    """Return the face of the first picture of an IMAGE as a motion of one frame.

    Raises:
        FaceError: it shows no face.
    """
    tensors.check_images(images, "photo")
    first = images[:1]
    tracking = _Tracking(HeadTracker("embedded"), smoothing=0, face=None, preview_frames=0)
    return tracking.of(PictureBatch(first, FPS), "photo", fingerprint(first))


class PictureBatch:
    """An IMAGE batch with what trackers ask of a video."""

    def __init__(self, images: tensors.Batch, fps: float) -> None:
        self.fps, self.frame_count = fps, len(images)
        self.size = images.shape[2], images.shape[1]
        self._images = images

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.frames_from(0)

    def frames_from(self, first: int) -> Iterator[np.ndarray]:
        """Yield the pictures from number `first` on."""
        return tensors.rgb_frames(self._images[first:])


class _Tracking:
    """One run of a tracker, with its progress and a few frames to show."""

    def __init__(self, tracker: HeadTracker, smoothing: float, face: FaceChoice, preview_frames: int) -> None:
        self._tracker, self._smoothing, self._face = tracker, smoothing, face
        self._wanted = preview_frames
        self._shown: list[np.ndarray] = []
        self._done = 0

    def of(self, video: FrameSource, source: str, key: Hashable, path: Path | None = None) -> Motion:
        """Return the motion of a video, which is streamed; `key` tells whether its faces are known already.

        A tracker that takes minutes finds in the file at `path` what the command has tracked, and the reverse.
        """
        from ..pipeline import kept_motion

        def work() -> Motion:
            return self._track(video, source, _memory().of((key, video.fps, self._who)))

        if self._tracker.name != "emica":
            return work()
        if path is None:
            return _PUBLISHED.get_or_make((key, video.fps, self._tracker), work)
        return kept_motion(path, work, self._smoothing, self._face, self._tracker.name, self._tracker.settings)

    def of_chunk(self, video: FrameSource, chunk: int, node: str | None) -> Motion:
        """Return the motion of a piece of a video, tracked, smoothed and measured as the rest of the pieces before."""
        from ..driving.operations import measure_from
        from ..driving.timeline import take
        from ..tracking.sightings import Sightings

        key = video.fps, video.size, self._who, self._smoothing, self._tracker
        carried = _CARRIED.before(node, chunk, key)
        sightings = Sightings() if carried is None else carried[0].to_be_continued()
        before = len(sightings.frames)
        motion = self._track(video, "images", sightings)
        if carried is not None:
            motion = measure_from(motion, carried[1])
        _CARRIED.leave(node, chunk, key, (sightings, motion.neutral))
        return take(motion, np.arange(len(motion))[before:]) if len(motion) > before else motion

    @property
    def _who(self) -> Hashable:
        """What tells faces that are meant apart."""
        from ..tracking.faces import FaceReference

        return self._face.embedding.tobytes() if isinstance(self._face, FaceReference) else self._face

    def _track(self, video: FrameSource, source: str, sightings: Sightings) -> Motion:
        from ..trackers import track_file

        settings = self._tracker.settings
        looked_at = None if sightings.complete and not self._wanted else self._on_frame
        self._before = 0 if sightings.complete else len(sightings.frames)
        total = video.frame_count
        self._progress, self._every = NodeProgress(total), max(1, (total or 0) // max(1, self._wanted))
        return run_cancellable(
            lambda: track_file(
                video, self._tracker.name, settings, self._smoothing, self._face, looked_at, self._on_progress,
                source, sightings,
            )[0]
        )  # fmt: skip

    def overlay(self) -> tensors.Batch:
        """IMAGE of the frames to show; one black pixel where there are none, because nodes after it want an IMAGE."""
        return tensors.stack(self._shown or [np.zeros((1, 1, 3), np.uint8)])

    def _on_progress(self, done: int) -> None:
        if done > max(self._done, self._before):
            self._progress(done - self._before)

    def _on_frame(self, index: int, frame: np.ndarray, points: np.ndarray | None, bridged: bool) -> None:
        from ..tracking.overlay import draw_overlay

        picture, index = None, index - self._before
        if self._wanted and index % self._every == 0 and len(self._shown) < self._wanted:
            picture = _small(draw_overlay(frame, points, bridged=bridged))
            self._shown.append(picture)
        self._done = self._before + index + 1
        self._progress(index + 1, picture=picture)


_CARRIED: Carried[tuple[Sightings, np.ndarray]] = Carried()
"""What was seen so far of a video that comes in pieces, and the driver's face at rest in the first of them."""


_PUBLISHED: Recent[Hashable, Motion] = Recent(4)
"""Motions of IMAGE batches by the published tracker, which takes minutes and smooths by itself."""


@cache
def _memory() -> SightingsMemory:
    """Return what this server has seen: smoothing and previews can be changed without another look."""
    from ..tracking.sightings import SightingsMemory

    return SightingsMemory()


def file_state(path: Path) -> Hashable:
    """Return what tells a file and its content from others."""
    state = path.stat()
    return str(path), state.st_size, state.st_mtime_ns


def fingerprint(images: tensors.Batch) -> Hashable:
    """Return what tells IMAGE batches apart, by their content."""
    digest = hashlib.blake2b()
    for index in range(len(images)):
        digest.update(np.ascontiguousarray(tensors.to_array(images[index])).data)
    return tuple(images.shape), digest.hexdigest()


def _small(image: np.ndarray) -> np.ndarray:
    import cv2

    scale = min(1.0, _PREVIEW_EDGE / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)


@contextmanager
def file_of(video: Any) -> Iterator[Path]:
    """The file of a VIDEO; a temporary one where it is in memory, or a part of a longer file."""
    source = video.get_stream_source()
    if isinstance(source, str) and not _is_part(video, source):
        yield Path(source)
        return
    path = host.temporary_folder() / f"gagavatar_driver_{id(video)}.mp4"
    try:
        if isinstance(source, str):
            video.save_to(str(path))
        else:
            path.write_bytes(source.getbuffer())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _is_part(video: Any, source: str) -> bool:
    """Whether a VIDEO was cut from the file that it reads, as newer versions of ComfyUI can."""
    whole = type(video)
    try:
        return abs(video.get_duration() - whole(source).get_duration()) > _SAME_SECONDS
    except (AttributeError, TypeError, ValueError):
        return False
