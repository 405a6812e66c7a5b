"""Folders and files of prepared data.

    DATA/dataset.json          lists of keys: train, val, test
    DATA/report.json           what became of every video, and which frames were dropped and why
    DATA/videos/<prefix>.json  the same of one video; it is written last, so that a video without it is prepared again
    DATA/<clip>/crops.mp4      512x512 crops of one person in one shot, matted onto black; bad frames are left out
    DATA/<clip>/motion.safetensors  a motion of as many frames: cameras and FLAME codes refer to the crops

A key is `<clip>_<frame>`; the frame counts from 0 in `crops.mp4`, and is all that stands after the last underscore.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..driving.motion_file import load_beside
from ..errors import FileFormatError
from ..media.files import atomic_output, readable_file

CROPS, MOTION = "crops.mp4", "motion.safetensors"
DATASET, REPORT, VIDEOS = "dataset.json", "report.json", "videos"
FORMAT, VERSION = "gagavatar.dataset", 1
SPLITS = ("train", "val", "test")


def key_of(clip: str, frame: int) -> str:
    """Name of one frame of a clip."""
    return f"{clip}_{frame:06d}"


def split_key(key: str) -> tuple[str, int]:
    """Clip and frame of a key."""
    clip, _, frame = key.rpartition("_")
    return clip, int(frame)


def read_boxes(motion: str | os.PathLike[str]) -> np.ndarray:
    """[T, 4] float32 head boxes (left, top, right, bottom) in the crops, 0..1, of a clip's motion file.

    Raises:
        FileFormatError: it has none.
    """
    return load_beside(motion)["boxes"]


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write a JSON file that appears whole or not at all."""
    with atomic_output(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1), "utf-8")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Content of a JSON file.

    Raises:
        MediaError: it does not exist or cannot be read.
        FileFormatError: it is no JSON.
    """
    try:
        return json.loads(readable_file(path).read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{path} is damaged ({error}): delete it and run 'gagavatar prepare' again") from error


def is_whole(folder: Path) -> bool:
    """Whether a clip's folder holds both of its files."""
    return all((folder / name).is_file() for name in (CROPS, MOTION))
