"""Many videos: in processes of their own, resumed where a run was broken off, with a report and lists of keys."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...errors import GagavatarError, MediaError
from ...media.files import readable_file
from ...processes import JobProgress, run_jobs, usual_workers
from ...types import Progress
from ..layout import REPORT, VIDEOS, is_whole, read_json, write_json
from .codes import TrackerFactory
from .settings import PrepareSettings, clip_prefix
from .splits import write_dataset
from .video import prepare_video

EXTENSIONS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv")
"""Of the files that are taken out of a folder."""
_WORK = ".work"


def prepare(
    videos: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    settings: PrepareSettings | None = None,
    workers: int = 0,
    held_out: str = "auto",
    share: float = 0.1,
    progress: JobProgress | None = None,
) -> dict[str, Any]:
    """Prepare raw videos for training, see `layout`; return the report.

    A video that cannot be read, and one whose process dies, is reported and does not stop the rest. Finished videos
    are left as they are when the same settings are used again.

    Args:
        videos: files, and folders in which videos are looked for.
        out: the data folder; it is made when it is missing.
        settings: how; the defaults unless given.
        workers: processes; 0 for one of every two cores.
        held_out: what validation and test are made of, see `splits.write_dataset`.
        share: of the clips or frames that validation gets, and test as many.
        progress: called while videos are worked on.

    Raises:
        MediaError: a file or folder is missing, there is no video, or `out` cannot be written.
        WeightsError, GagavatarError: what the tracker needs is missing.
    """
    settings, folder = settings or PrepareSettings(), Path(out)
    found = find_videos(videos)
    TrackerFactory(settings)  # says what is missing before the work
    _make_folder(folder / VIDEOS)
    shutil.rmtree(folder / _WORK, ignore_errors=True)
    names = _prefixes(found)
    waiting = [(path, names[path]) for path in found if not _is_done(path, names[path], folder, settings)]
    paths = {prefix: path for path, prefix in waiting}
    jobs = {prefix: (path, folder, prefix, settings) for prefix, path in paths.items()}

    def told(prefix: str, done: int, total: int | None) -> None:
        if progress is not None:
            progress(paths[prefix].name, done, total)

    def ended(prefix: str, code: int | None) -> None:
        _conclude(code, paths[prefix], prefix, folder, settings)

    run_jobs(_work, jobs, workers or usual_workers(), told, ended)
    shutil.rmtree(folder / _WORK, ignore_errors=True)
    report = {"videos": [read_json(file) for file in sorted((folder / VIDEOS).glob("*.json"))]}
    write_json(folder / REPORT, report)
    write_dataset(folder, _finished_clips(report), held_out, share)
    return report


def find_videos(sources: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return the files that are named, and all videos in the folders that are named, each once.

    Raises:
        MediaError: one does not exist, or a folder holds no video.
    """
    found: dict[Path, None] = {}
    for source in map(Path, sources):
        if source.is_dir():
            inside = sorted(file for file in source.rglob("*") if file.suffix.lower() in EXTENSIONS)
            if not inside:
                raise MediaError(f"{source} holds no video: name a folder of {', '.join(EXTENSIONS[:4])} files")
            found |= dict.fromkeys(inside)
        else:
            found[readable_file(source)] = None
    return list(found)


def summarize(report: dict[str, Any]) -> str:
    """Return the report in one line."""
    videos = report["videos"]
    clips = [clip for video in videos for clip in video.get("clips", ())]
    kept = sum(clip["kept"] for clip in clips if "name" in clip)
    failed = [video["video"] for video in videos if "error" in video]
    heads = ", ".join(sorted({str(video["flame_edition"]) for video in videos if video.get("flame_edition")}))
    line = f"{len(videos)} videos, {sum('name' in clip for clip in clips)} clips, {kept} good frames"
    line += f", FLAME {heads}" if heads else ""
    return line + (f"; {len(failed)} failed: {', '.join(failed[:3])}" if failed else "")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{folder} cannot be made ({error.strerror}): choose another --out") from error


def _prefixes(videos: Sequence[Path]) -> dict[Path, str]:
    """Names for the videos' clips; a number tells files of one name apart."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for path in videos:
        name = base = clip_prefix(path)
        count = 1
        while name.lower() in taken:
            count += 1
            name = f"{base}.{count}"
        taken.add(name.lower())
        names[path] = name
    return names


def _stamp(path: Path, settings: PrepareSettings) -> dict[str, Any]:
    status = path.stat()
    head = getattr(settings.published.find_flame(), "name", None)
    return {"bytes": status.st_size, "modified": status.st_mtime_ns, "head": head, "settings": settings.to_dict()}


def _is_done(path: Path, prefix: str, folder: Path, settings: PrepareSettings) -> bool:
    """Whether the video was prepared so before; what is left of an unfinished one is removed."""
    file = folder / VIDEOS / f"{prefix}.json"
    report = None
    if file.is_file():
        try:
            report = read_json(file)
        except GagavatarError:
            report = None
    if report is not None and report.get("stamp") == _stamp(path, settings) and "error" not in report:
        clips = [folder / clip["name"] for clip in report["clips"] if "name" in clip]
        if all(map(is_whole, clips)):
            return True
    file.unlink(missing_ok=True)
    for old in folder.glob(f"{prefix}-s[0-9]*-p[0-9]*"):
        shutil.rmtree(old, ignore_errors=True)
    return False


def _conclude(code: int | None, path: Path, prefix: str, folder: Path, settings: PrepareSettings) -> None:
    """Report on a video whose process died without a word."""
    file = folder / VIDEOS / f"{prefix}.json"
    if not file.is_file():
        why = f"its process ended with code {code}: the file may be damaged, or the memory too small"
        write_json(file, {"video": str(path), "stamp": _stamp(path, settings), "error": why})


def _work(path: Path, folder: Path, prefix: str, settings: PrepareSettings, progress: Progress) -> None:
    """In the process of its own: the video's clips, moved into place when all are whole; then its report."""
    report: dict[str, Any] = {"video": str(path), "stamp": _stamp(path, settings)}
    work = folder / _WORK / prefix
    try:
        work.mkdir(parents=True)
        report |= prepare_video(path, work, prefix, settings, progress)
        for clip in sorted(work.iterdir()):
            os.replace(clip, folder / clip.name)
    except (GagavatarError, OSError, MemoryError) as error:
        report["error"] = " ".join(str(error).splitlines()) or type(error).__name__
        shutil.rmtree(work, ignore_errors=True)
    write_json(folder / VIDEOS / f"{prefix}.json", report)


def _finished_clips(report: dict[str, Any]) -> dict[str, int]:
    """Name of every clip -> its frames."""
    clips = (clip for video in report["videos"] for clip in video.get("clips", ()))
    return {clip["name"]: clip["kept"] for clip in clips if "name" in clip}
