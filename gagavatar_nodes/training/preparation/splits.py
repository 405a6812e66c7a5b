"""Which frames are for training, validation and test."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...errors import GagavatarError
from ..layout import DATASET, FORMAT, SPLITS, VERSION, key_of, write_json
from .settings import HELD_OUT

_ENOUGH_VIDEOS = 20
"""From so many videos on, whole ones are held out."""


def write_dataset(folder: Path, clips: dict[str, int], held_out: str, share: float) -> None:
    """Write `dataset.json`.

    Args:
        folder: the data folder.
        clips: name of every clip -> its frames.
        held_out: "clips" holds out all clips of some videos, the same ones however many are added later; "frames" the
            end of every clip, half for validation and half for test; "auto" frames where there are few videos.
        share: of each of validation and test.

    Raises:
        GagavatarError: there is no such way.
    """
    if held_out not in HELD_OUT:
        raise GagavatarError(f"Held out are {', '.join(HELD_OUT)}, not '{held_out}'")
    if held_out == "auto":
        held_out = "clips" if len({_video(clip) for clip in clips}) >= _ENOUGH_VIDEOS else "frames"
    lists: dict[str, list[str]] = {split: [] for split in SPLITS}
    for clip, frames in sorted(clips.items()):
        keys = [key_of(clip, frame) for frame in range(frames)]
        if held_out == "clips":
            lists[_split_of(_video(clip), share)] += keys
        else:
            held = max(2, round(share * frames)) if frames >= 8 and share > 0 else 0
            end = frames - 2 * held
            lists["train"] += keys[:end]
            lists["val"] += keys[end : end + held]
            lists["test"] += keys[end + held :]
    write_json(folder / DATASET, {"format": FORMAT, "version": VERSION, **lists})


def _video(clip: str) -> str:
    return clip.rsplit("-s", 1)[0]


def _split_of(video: str, share: float) -> str:
    """By a hash of the name, so that a video stays where it is when others are added."""
    place = int.from_bytes(hashlib.sha256(video.encode()).digest()[:4], "big") / 2**32
    return "val" if place < share else "test" if place < 2 * share else "train"
