"""The public Python API: read a portrait and a driver, lift once, drive many, write what comes out.

from gagavatar_nodes import pipeline

avatar = pipeline.lift(pipeline.read_portrait("photo.jpg"))
motion = pipeline.read_driver("talking.mp4")
pipeline.render(avatar.perform(motion), "out.mp4", audio_from="talking.mp4")
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from .avatars import Avatar
from .cache import cached, content_key
from .choices import DENSITY, MODELS, PORTRAIT_SIZE, PUBLISHED_PORTRAIT_SIZE, SIZES, SMOOTHING
from .devices import require_torch
from .errors import FaceError, GagavatarError, MediaError
from .output import Comparison, Look, check_output, compose_frames, is_picture, render
from .settings import Settings, SettingsKeywords, availability, load_flame_model, merge_settings
from .speech import VOICE_FPS
from .types import Motion, Portrait, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from moviepy import VideoClip
    from typing_extensions import Unpack

    from .media.video_reader import VideoReader
    from .reexpression import WatchedFilm
    from .speech.manner import Manner
    from .trackers import OnFrame
    from .tracking.faces import FaceChoice, FaceReference, FromLeft

__all__ = [
    "MODELS",
    "PORTRAIT_SIZE",
    "PUBLISHED_PORTRAIT_SIZE",
    "SIZES",
    "SMOOTHING",
    "Comparison",
    "Look",
    "Progress",
    "Settings",
    "check_driver",
    "check_model",
    "check_output",
    "choose_model",
    "clip",
    "compose_frames",
    "film_rate",
    "is_media",
    "is_picture",
    "is_published_result",
    "is_sound",
    "lift",
    "read_driver",
    "read_portrait",
    "read_voice",
    "reexpress",
    "render",
    "track",
    "watch_film",
]  # fmt: skip

Face: TypeAlias = "int | FromLeft | tuple[float, float] | str | os.PathLike[str] | FaceReference | None"
"""Which face is meant: the largest, one by its index or a point on it in pixels, or a person, from a picture."""
_RESULTS = (".pkl", ".pt")


def read_portrait(
    path: str | os.PathLike[str], face: Face = None, size: int = PORTRAIT_SIZE, settings: Settings | None = None
) -> Portrait:
    """Find, crop and matte the face of a picture; see `tracking.portrait.track_portrait`.

    Of a portrait for GAGAvatar nothing is lost at a `size` of `PUBLISHED_PORTRAIT_SIZE`: it sees a part of the crop.

    Raises:
        MediaError: the picture cannot be read.
        FaceError: it shows no face, none at that index or point, none of that person, or one that is too small or cut
            off.
        WeightsError: `face` is a picture, and a file of face recognition is truncated, or another one.
    """
    from .media.images import read_image
    from .tracking.portrait import track_portrait

    picture = read_image(path)
    if isinstance(face, tuple):
        face = face[0] * picture.scale, face[1] * picture.scale
    face = _resolve_face(face, settings or Settings())
    try:
        return track_portrait(picture.rgb, picture.alpha, face, size)
    except FaceError as error:
        raise FaceError(f"{path}: {error}") from error


def read_driver(
    source: str | os.PathLike[str],
    smoothing: float = SMOOTHING,
    face: Face = None,
    seconds: float | None = None,
    fps: float | None = None,
    progress: Progress | None = None,
    use_cache: bool = True,
    tracker: str = "embedded",
    settings: Settings | None = None,
    **keywords: Unpack[SettingsKeywords],
) -> Motion:
    """Return the motion of a driver: a video or picture of a face, a sound, a motion file, or a built-in motion's name.

    An `optim.pkl` or `smoothed.pkl` of the published tracker is a motion file too, and so is a style file or motion of
    ARTalk (`.pt`); they are read without running them.

    Args:
        source: a path, or one of `driving.builtin.BUILTIN_NAMES` where there is no such file.
        smoothing: strength of the One-Euro filter, 0 (raw) to 1; videos only.
        face: which face to follow: None for the largest, an index, a point (x, y) in pixels, or a picture of the
            person.
        seconds: length of a built-in motion.
        fps: frames a second to resample to; None keeps the driver's own.
        progress: called while a video is tracked.
        use_cache: take the motion from the cache when the same file was tracked in the same way before.
        tracker: one of `choices.TRACKERS`, for videos and pictures.
        settings: where the published files are, and how networks run.
        keywords: the same one by one, see `Settings`.

    Raises:
        MediaError: the file cannot be read, or holds no picture.
        FaceError: it shows no face.
        FileFormatError: a motion file that is damaged or from a newer version.
        WeightsError: a file that the tracker needs is missing, truncated or changed.
    """
    from .driving.builtin import BUILTIN_NAMES, builtin_motion
    from .driving.motion_file import is_motion_file, load_motion
    from .driving.operations import resample

    settings = merge_settings(settings, keywords)
    check_driver(source)
    if str(source) in BUILTIN_NAMES and not Path(source).exists():
        return builtin_motion(str(source), seconds, fps or 25.0)
    if is_published_result(source):
        motion = _read_published(source, settings, fps or 25.0)
    elif is_motion_file(source) or not is_media(source):
        motion = load_motion(source)
    elif is_sound(source):
        return read_voice(source, fps=fps or VOICE_FPS, progress=progress)
    else:
        motion = _track_driver(source, smoothing, face, progress, use_cache, tracker, settings)
    return resample(motion, fps) if fps and fps != motion.fps else motion


def read_voice(
    source: str | os.PathLike[str],
    voice: str = "embedded",
    fps: float = VOICE_FPS,
    manner: Manner | None = None,
    text: str = "",
    progress: Progress | None = None,
    style: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    **keywords: Unpack[SettingsKeywords],
) -> Motion:
    """Return the motion of a face that says what a sound says; see `speech.voices.drive`.

    Args:
        source: a file with sound; a picture in it is ignored.
        voice: one of `speech.VOICES`.
        fps: frames a second.
        manner: how the head moves.
        text: what is said, where it is known.
        progress: called with frames.
        style: way of talking, for ARTalk.
        settings: where the published files are, and how networks run.
        keywords: the same one by one, see `Settings`.

    Raises:
        MediaError: the file cannot be read, or has no sound.
        GagavatarError: see `speech.voices.drive`.
    """
    from .speech.sound import Sound
    from .speech.voices import drive

    settings = merge_settings(settings, keywords)
    return drive(Sound.open(source), voice, fps, manner, text, progress, style, settings)


def check_driver(source: str | os.PathLike[str]) -> None:
    """Validate a driver before any work: it is a file or a built-in motion.

    Raises:
        MediaError: it is neither, or an empty file.
    """
    from .driving.builtin import BUILTIN_NAMES
    from .media.files import readable_file

    if Path(source).exists():
        readable_file(source)
    elif str(source) not in BUILTIN_NAMES:
        names = ", ".join(BUILTIN_NAMES)
        raise MediaError(f"{source} does not exist: give a video, a sound, a picture, a motion file, or one of {names}")


def track(
    path: str | os.PathLike[str],
    smoothing: float = SMOOTHING,
    face: Face = None,
    progress: Progress | None = None,
    on_frame: OnFrame | None = None,
    tracker: str = "embedded",
    preview: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    **keywords: Unpack[SettingsKeywords],
) -> Motion:
    """Follow a face through a video, streamed.

    Args:
        path: a video or picture.
        smoothing: of the two trackers that follow landmarks, 0 (raw) to 1.
        face: see `read_driver`; the tracker "emica" follows the largest only.
        progress: called with each frame.
        on_frame: called with what was tracked in each frame, see `tracking.video.track_video`; not by "emica", and
            not where the `preview` shows landmarks.
        tracker: one of `choices.TRACKERS`.
        preview: video to write, with what was tracked drawn on it: FLAME's mesh where the tracker fits it.
        settings: where the published files are, and how networks run.
        keywords: the same one by one, see `Settings`.

    Raises:
        MediaError, FaceError, WeightsError: as for `read_driver`.
    """
    from .media.video_reader import VideoReader
    from .previews import landmark_preview, write_flame_preview
    from .trackers import choose_tracker, track_file

    settings = merge_settings(settings, keywords)
    name, _ = choose_tracker(tracker, settings)
    face = _resolve_face(face, settings)
    with ExitStack() as stack:
        if preview is not None and name == "embedded":
            on_frame = stack.enter_context(landmark_preview(path, preview))
        video = stack.enter_context(VideoReader(path))
        total = video.frame_count
        done = None if progress is None else lambda count: progress(count, total)
        try:
            motion, squares = track_file(video, name, settings, smoothing, face, on_frame, done, Path(path).name)
        except FaceError as error:
            text = str(error)
            if text.startswith(Path(path).name):
                raise
            raise FaceError(f"{path}: {text}") from error
    if preview is not None and name != "embedded":
        write_flame_preview(path, preview, load_flame_model(settings), motion, squares)
    return motion


def lift(
    portrait: Portrait,
    model: str = "auto",
    density: int | None = None,
    settings: Settings | None = None,
    **keywords: Unpack[SettingsKeywords],
) -> Avatar:
    """Lift a portrait into an avatar.

    Args:
        portrait: from `read_portrait`.
        model: one of `MODELS`; see `choose_model` for "auto".
        density: lattice nodes a side of the embedded avatar, 148 to 512; None for 296.
        settings: of the published model.
        keywords: the same one by one, see `Settings`.

    Raises:
        WeightsError: the published model is asked for, and a file of it is missing, truncated or changed.
        GagavatarError: it is asked for, and there is no PyTorch or no such device.
    """
    settings = merge_settings(settings, keywords)
    name, _ = choose_model(model, settings)
    if name == "gagavatar":
        from .lifting.gagavatar import avatar
        from .lifting.gagavatar.models import get_models

        return avatar.lift_portrait(portrait, get_models(settings), settings.portrait_tracker)
    from .lifting.embedded import lift_portrait

    return lift_portrait(portrait, density or DENSITY)


def clip(
    avatar: Avatar,
    motion: Motion,
    look: Look | None = None,
    audio_from: str | os.PathLike[str] | None = None,
    reference: str | int = "auto",
    pose: str = "auto",
) -> VideoClip:
    """Return the performance as a clip of MoviePy, whose frames are drawn when they are asked for.

    Args:
        avatar: from `lift`.
        motion: from `read_driver`.
        look: see `clips.make_clip`; without one the clip has a mask of the alpha, to be composited.
        audio_from: file whose sound goes along.
        reference: see `Avatar.perform`.
        pose: likewise.

    Raises:
        GagavatarError: there is no MoviePy.
        MediaError: the sound's file is missing or no media file.
    """
    from .clips import make_clip
    from .media.retiming import sound_file

    with sound_file(motion, audio_from) as sound:
        return make_clip(avatar.perform(motion, reference, pose=pose), look, sound)


def watch_film(
    path: str | os.PathLike[str],
    smoothing: float = SMOOTHING,
    face: Face = None,
    progress: Progress | None = None,
    settings: Settings | None = None,
    start: float = 0.0,
    end: float | None = None,
) -> WatchedFilm:
    """Follow the face of a film that shall be re-expressed, and lift it; see `reexpression.watch`.

    Raises:
        MediaError: the file cannot be read, is a single picture, or has nothing between `start` and `end`, seconds.
        FaceError: no frame shows a face, or it is too small or cut off in all of them.
    """
    from .media.video_reader import VideoReader
    from .reexpression import watch
    from .tracking.reference import film_recognizer

    settings = settings or Settings()
    with VideoReader(path) as video:
        _refuse_picture(video)
        who, recognizer = _resolve_face(face, settings), film_recognizer(settings)
        return watch(video, smoothing, who, progress, str(path), recognizer, start, end)


def film_rate(path: str | os.PathLike[str]) -> float:
    """Return the frames a second of a film.

    Raises:
        MediaError: the file cannot be read, or is a single picture.
    """
    from .media.video_reader import VideoReader

    with VideoReader(path) as video:
        _refuse_picture(video)
        return video.fps


def _refuse_picture(video: VideoReader) -> None:
    if video.frame_count == 1:
        raise MediaError(f"{video.path} is a single picture: give a film, or animate the picture")


def reexpress(
    film: WatchedFilm,
    driver: Motion,
    path: str | os.PathLike[str],
    eyes: float = 1.0,
    mouth: float = 1.0,
    audio_from: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> int:
    """Write a film with the driver's expression in its face; see `reexpression.reexpress`.

    Args:
        film: from `watch_film`.
        driver: from `read_driver` or `read_voice`.
        path: video to write, or numbered pictures.
        eyes: 0..1 how much of the driver's eyes and brows is taken.
        mouth: 0..1 how much of its mouth and jaw.
        audio_from: file whose sound goes along.
        progress: called with each frame.

    Returns:
        The number of frames written: those of the shorter of film and driver.

    Raises:
        MediaError: the film is no longer there, or the file cannot be written.
    """
    from .media.video_reader import VideoReader
    from .media.video_writer import VideoWriter
    from .reexpression import as_long, reexpress

    driver = as_long(driver, film)
    with VideoReader(film.motion.source) as video, ExitStack() as stack:
        writer = None
        for frame in reexpress(video, film, driver, eyes, mouth):
            if writer is None:
                size = frame.shape[1], frame.shape[0]
                writer = stack.enter_context(VideoWriter(path, film.motion.fps, size, audio_from=audio_from))
            writer.write(frame)
            if progress is not None:
                progress(writer.frame_count, len(driver))
    return 0 if writer is None else writer.frame_count


def choose_model(
    model: str = "auto", settings: Settings | None = None, **keywords: Unpack[SettingsKeywords]
) -> tuple[str, str]:
    """Return the avatar model that a name means, and why.

    "auto" is GAGAvatar where its files are, else the embedded one.
    """
    if model not in MODELS:
        raise GagavatarError(f"There is no avatar model '{model}': choose one of {', '.join(MODELS)}")
    if model != "auto":
        return model, "as chosen"
    there, why = availability(merge_settings(settings, keywords))
    return "gagavatar" if there else "embedded", why


def check_model(
    model: str = "auto", settings: Settings | None = None, **keywords: Unpack[SettingsKeywords]
) -> tuple[str, str]:
    """`choose_model`, once what the chosen model needs is there; raises as `lift` does, before the work."""
    settings = merge_settings(settings, keywords)
    name, why = choose_model(model, settings)
    if name == "gagavatar":
        from .lifting.gagavatar.models import get_models
        from .tracking.emica.files import tracker_folder

        get_models(settings).check()
        if settings.portrait_tracker == "emica":
            tracker_folder(settings)
    return name, why


def is_media(source: str | os.PathLike[str]) -> bool:
    """Whether a driver is a video or picture, rather than a motion file or a built-in motion."""
    from .driving.motion_file import SUFFIXES

    return Path(source).is_file() and Path(source).suffix.lower() not in (*SUFFIXES, *_RESULTS)


def is_sound(source: str | os.PathLike[str]) -> bool:
    """Whether a driver is a file with sound and no moving picture."""
    from .media.sniffing import stream_kind

    return is_media(source) and stream_kind(Path(source)) == "audio"


def is_published_result(source: str | os.PathLike[str]) -> bool:
    """Whether a driver is a result file of the published tracker or of ARTalk."""
    return Path(source).is_file() and Path(source).suffix.lower() in _RESULTS


def _resolve_face(face: Face, settings: Settings) -> FaceChoice:
    """Return the face that is meant, with the person of a picture in the place of its path."""
    if isinstance(face, (str, os.PathLike)):
        from .tracking.reference import read_reference

        return read_reference(face, settings)
    return face


def _track_driver(
    source: str | os.PathLike[str],
    smoothing: float,
    face: Face,
    progress: Progress | None,
    use_cache: bool,
    tracker: str,
    settings: Settings,
) -> Motion:
    from .trackers import choose_tracker

    name, _ = choose_tracker(tracker, settings)
    face = _resolve_face(face, settings)

    def work() -> Motion:
        return track(source, smoothing, face, progress, tracker=name, settings=settings)

    return kept_motion(source, work, smoothing, face, name, settings) if use_cache else work()


def kept_motion(
    source: str | os.PathLike[str],
    work: Callable[[], Motion],
    smoothing: float,
    face: FaceChoice,
    name: str,
    settings: Settings,
) -> Motion:
    """Return what a tracker made of a video's content before, or else what `work` makes, which is kept then."""
    from .driving.motion_file import load_motion, save_motion
    from .trackers import DECA
    from .tracking.emica.files import tracker_folder
    from .tracking.faces import FaceReference
    from .weights import require_weight

    who = face.embedding.tolist() if isinstance(face, FaceReference) else repr(face)
    how: list[object] = [smoothing if name != "emica" else "its own", who]
    if name != "embedded":
        files = [settings.require_flame()]
        if name == "deca":
            files.append(require_weight(DECA, settings.folders))
        if name == "emica":
            files += sorted(path for path in tracker_folder(settings).rglob("*") if path.is_file())
        how += [name, *((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)]
    return cached(content_key(source, "motion", *how), work, load_motion, save_motion)


def _read_published(source: str | os.PathLike[str], settings: Settings, fps: float) -> Motion:
    from .trackers import with_expressions

    if Path(source).suffix.lower() == ".pt":
        require_torch()
        from .speech.artalk.files import read_codes
        from .speech.artalk.motion import motion_of

        motion = motion_of(read_codes(Path(source)), Path(source).name)
    else:
        from .tracking.emica.results import read_results

        motion = read_results(source, fps=fps)
    return with_expressions(motion, load_flame_model(settings))
