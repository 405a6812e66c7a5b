"""Motions from FLAME codes, and from the published tracker's own result files `optim.pkl` and `smoothed.pkl`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FileFormatError
from ...heads import restricted_pickle
from ...types import FOCAL, FRONTAL_ROTATION, HEAD_UNITS_PER_CM, FlameCodes, Motion

PUBLISHED_EDITION = "2020"
_WIDTHS = {"shapecode": 300, "expcode": 100, "posecode": 6, "eyecode": 6, "transform_matrix": 12}


def read_results(path: str | os.PathLike, video: str | None = None, fps: float = 25.0) -> Motion:
    """Return the motion in an `optim.pkl` or `smoothed.pkl`, read as data: no code in the file runs.

    Frames are those of `video` (keys `<video>_<frame>`), by default of the only video in the file, in the order of
    their numbers; the files keep no frame rate. Raises `FileFormatError` when a frame lacks a code or has another
    shape, and when the file holds several videos and none is chosen.
    """
    results = restricted_pickle.load(path)
    if not isinstance(results, dict) or not results or not all(isinstance(v, dict) for v in results.values()):
        raise FileFormatError(f"{path} holds no tracked frames: it is not an optim.pkl or smoothed.pkl")
    keys = _frames_of(results, video, path)
    codes = {name: np.stack([_code(results[key], name, f"{path}, frame {key}") for key in keys]) for name in _WIDTHS}
    shapes = codes["shapecode"]
    flame = FlameCodes(
        edition=PUBLISHED_EDITION,
        shape=shapes[0] if (shapes == shapes[0]).all() else shapes,
        expression=codes["expcode"],
        jaw=codes["posecode"][:, 3:],
        eyes=codes["eyecode"],
        transform=codes["transform_matrix"].reshape(-1, 3, 4),
    )
    return flame_motion(flame, fps, source=Path(path).name)


def flame_motion(codes: FlameCodes, fps: float, source: str = "", confidence: np.ndarray | None = None) -> Motion:
    """Return a motion of T frames from FLAME codes alone.

    Head pose, place and size come from the cameras. There are no landmarks behind it: `neutral` is the bundled head's,
    `deltas`, `arkit` and `gaze` are zero; `confidence` [T] is one by default.
    """
    from ...face.bundled_face import bundled_neutral

    R, t = codes.transform[:, :, :3].astype(np.float64), codes.transform[:, :, 3].astype(np.float64)
    frames = len(t)
    place = np.zeros((frames, 3))
    place[:, :2] = t[:, :2] * [-1, 1] / HEAD_UNITS_PER_CM
    return Motion(
        fps=fps,
        rotation=(FRONTAL_ROTATION @ R.transpose(0, 2, 1)).astype(np.float32),
        translation=place.astype(np.float32),
        scale=(FOCAL / 2 * HEAD_UNITS_PER_CM / t[:, 2]).astype(np.float32),
        neutral=bundled_neutral().astype(np.float32),
        deltas=np.zeros((frames, 478, 3), np.float16),
        arkit=np.zeros((frames, 52), np.float32),
        gaze=np.zeros((frames, 2, 2), np.float32),
        confidence=np.ones(frames, np.float32) if confidence is None else confidence.astype(np.float32),
        flame=codes,
        source=source,
    )


def _frames_of(results: Mapping[str, Any], video: str | None, path: str | os.PathLike) -> list[str]:
    """Keys of one video's frames in time order; a picture's key needs no number."""
    videos: dict[str, list[tuple[int, str]]] = {}
    for key in results:
        match = re.fullmatch(r"(.*)_(\d+)", str(key))
        name, number = (match[1], int(match[2])) if match else (str(key), 0)
        videos.setdefault(name, []).append((number, key))
    if video is None and len(videos) == 1:
        video = next(iter(videos))
    if video not in videos:
        listed = ", ".join(sorted(videos)[:5])
        raise FileFormatError(f"{path} holds {len(videos)} videos; choose one of them: {listed}")
    return [key for _, key in sorted(videos[video])]


def _code(frame: Mapping[str, Any], name: str, where: str) -> np.ndarray:
    if name not in frame:
        raise FileFormatError(f"{where} has no {name}; track the video again")
    value = np.asarray(frame[name])
    if value.size != _WIDTHS[name] or value.dtype.kind != "f" or not np.isfinite(value).all():
        raise FileFormatError(f"{where}: {name} is not {_WIDTHS[name]} finite numbers; track the video again")
    return value.astype(np.float32).reshape(-1)
