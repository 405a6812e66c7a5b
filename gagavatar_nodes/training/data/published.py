"""The published layout: `img_lmdb` of encoded pictures, `optim.pkl` of tracked codes, `dataset.json` of key lists."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FileFormatError, GagavatarError
from ...heads import restricted_pickle
from ...heads.flame import PUBLISHED_EDITION
from ..layout import SPLITS
from .frames import FrameCodes

LMDB, CODES, KEYS = "img_lmdb", "optim.pkl", "dataset.json"
_WIDTHS = {"shapecode": 300, "expcode": 100, "posecode": 6, "eyecode": 6, "transform_matrix": 12, "bbox": 4}
_KEY = re.compile(r".+_\d+", re.ASCII)


class PublishedFrames:
    """Frames of a folder in the published layout, see `DatasetFrames`.

    Keys are `<video>_<frame>`. A video is all of a key before the last underscore, but for a leading `img_`. The
    published loader takes what is before the first underscore and so merges videos whose names have one and begin
    alike; `published_videos` does the same.

    Raises:
        FileFormatError: a file is missing, damaged, or lacks a frame that `dataset.json` lists; the line names it.
        GagavatarError: the package lmdb is missing.
    """

    edition = PUBLISHED_EDITION

    def __init__(self, folder: str | os.PathLike[str], published_videos: bool = False) -> None:
        self._folder = Path(folder)
        self.name = os.fspath(folder)
        self._published_videos = published_videos
        self.splits = _read_splits(self._folder / KEYS)
        self._pictures = _Pictures(self._folder / LMDB)
        self._check_listed(self._pictures.keys(), LMDB, "no picture")
        self._rows, self._codes = _read_codes(self._folder / CODES)
        self._check_listed(self._rows, CODES, "no tracking")

    def video_of(self, key: str) -> str:
        """See `DatasetFrames`."""
        if self._published_videos:
            parts = key.split("_")
            return parts[1] if parts[0] == "img" else parts[0]
        return key.rpartition("_")[0].removeprefix("img_")

    def number_of(self, key: str) -> int:
        """See `DatasetFrames`."""
        return int(key.rpartition("_")[2])

    def picture(self, key: str) -> np.ndarray:
        """See `DatasetFrames`."""
        return self._pictures.read(key)

    def codes(self, key: str) -> FrameCodes:
        """See `DatasetFrames`."""
        row = self._rows[key]
        code = {name: values[row] for name, values in self._codes.items()}
        return FrameCodes(
            shape=code["shapecode"],
            expression=code["expcode"],
            jaw=code["posecode"][3:],
            eyes=code["eyecode"],
            transform=code["transform_matrix"].reshape(3, 4),
            box=code["bbox"],
        )

    def _check_listed(self, found: Iterable[str], file: str, what: str) -> None:
        known = set(found)
        for split, keys in self.splits.items():
            missing = [key for key in keys if key not in known]
            if missing:
                raise FileFormatError(
                    f"{self._folder / file} has {what} of frame {missing[0]}, which {KEYS} lists under {split} "
                    f"({len(missing)} such frames): copy the data set again, or take them out of the list"
                )


class _Pictures:
    """The pictures of an LMDB folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keys(self) -> set[str]:
        """Every key."""
        with self._begin() as reader, reader.cursor() as cursor:
            return {bytes(key).decode("utf-8", "replace") for key in cursor.iternext(keys=True, values=False)}

    def read(self, key: str) -> np.ndarray:
        """[H, W, 3] of a JPEG or PNG as uint8, or of a saved tensor [3, H, W]: uint8, or other numbers over 255."""
        with self._begin() as reader:
            value = reader.get(key.encode())
        if value is None:
            raise FileFormatError(f"{self._path} has no picture of frame {key}: copy the data set again")
        return _decode(value, f"{self._path}: frame {key}")

    def _begin(self) -> Any:
        return _environment(self._path.resolve()).begin(buffers=False)


_environments: dict[Path, Any] = {}
"""Opened LMDBs: none can be opened twice in a process, or be used across a fork."""


def _environment(path: Path) -> Any:
    if path not in _environments:
        _environments[path] = _open(path)
    return _environments[path]


def _open(path: Path) -> Any:
    try:
        import lmdb
    except ImportError:
        raise GagavatarError(f'{path} is read by the package lmdb: pip install "gagavatar-nodes[train]"') from None
    try:
        return lmdb.open(
            os.fspath(path), subdir=path.is_dir(), readonly=True, lock=False, readahead=False, meminit=False,
            create=False,
        )  # fmt: skip
    except lmdb.Error as error:
        raise FileFormatError(f"{path} is no LMDB, or damaged ({error}): copy the data set again") from error


def _close_all() -> None:
    while _environments:
        _environments.popitem()[1].close()


if hasattr(os, "register_at_fork"):  # parent and children open anew what they read after
    os.register_at_fork(before=_close_all)


def _decode(value: bytes, name: str) -> np.ndarray:
    import cv2

    picture = cv2.imdecode(np.frombuffer(value, np.uint8), cv2.IMREAD_COLOR)
    if picture is not None:
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    import torch

    try:
        tensor = torch.load(io.BytesIO(value), map_location="cpu", weights_only=True)
        channels, height, width = tensor.shape
    except Exception as error:  # torch raises many kinds for damaged and for refused files
        raise FileFormatError(f"{name} is neither a picture nor a saved tensor: copy the data set again") from error
    if channels != 3:
        raise FileFormatError(f"{name} has shape {(channels, height, width)}, expected (3, height, width)")
    array = tensor.permute(1, 2, 0).numpy()
    return array if array.dtype == np.uint8 else array.astype(np.float32) / 255


def _read_splits(path: Path) -> dict[str, list[str]]:
    try:
        lists = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read ({error.strerror}): name a folder of training data") from error
    except ValueError as error:
        raise FileFormatError(f"{path} is no JSON ({error}): copy the data set again") from error
    splits = {split: lists.get(split, []) for split in SPLITS} if isinstance(lists, dict) else {}
    for split, keys in splits.items():
        if not isinstance(keys, list):
            raise FileFormatError(f"{path}: {split} should be a list of frames' keys")
        bad = next((key for key in keys if not (isinstance(key, str) and _KEY.fullmatch(key))), None)
        if bad is not None:
            raise FileFormatError(f"{path}: {split} lists {bad!r}, which is no key of the form <video>_<frame>")
    if not any(splits.values()):
        raise FileFormatError(f"{path} lists no frames under {', '.join(SPLITS)}: is it a data set's?")
    return splits


def _read_codes(path: Path) -> tuple[dict[str, int], dict[str, np.ndarray]]:
    """Row of each key, and the codes of all in arrays: workers share those, and do not copy them by touching them."""
    records = restricted_pickle.load(path)
    if not isinstance(records, dict) or not records or not all(isinstance(v, dict) for v in records.values()):
        raise FileFormatError(f"{path} holds no tracked frames: it is not an optim.pkl")
    rows = {str(key): row for row, key in enumerate(records)}
    codes = {name: np.empty((len(rows), width), np.float32) for name, width in _WIDTHS.items()}
    for row, (key, record) in enumerate(records.items()):
        _copy_record(record, {name: values[row] for name, values in codes.items()}, f"{path}, frame {key}")
    return rows, codes


def _copy_record(record: Mapping[str, Any], into: Mapping[str, np.ndarray], where: str) -> None:
    for name, values in into.items():
        code = np.asarray(record.get(name, ()))
        if code.size != values.size or code.dtype.kind != "f" or not np.isfinite(code).all():
            raise FileFormatError(
                f"{where}: {name} is not {values.size} finite numbers; track the data set again with FLAME "
                f"{PUBLISHED_EDITION}"
            )
        values[:] = code.reshape(-1)
