"""Who drives whom: protocols, and pairs of one's own."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileFormatError, MediaError
from ..media.files import readable_file
from .frames import VIDEOS, is_frames
from .variants import CROSS, SELF


@dataclass(frozen=True)
class Pair:
    """One video to be scored."""

    name: str
    """Unique; a result of another program is called so."""
    source: Path
    """Its first frame is the portrait."""
    driver: Path
    """Its frames drive, and are the truth where it is the source."""
    result: Path | None = None
    """What another program made of it."""

    @property
    def protocol(self) -> str:
        """One of `variants.PROTOCOLS`."""
        return SELF if self.source == self.driver else CROSS


def find_videos(sources: Iterable[Path]) -> list[Path]:
    """Return the videos that are named, and those in folders that are named, sorted within each, each once.

    A folder of pictures is one video.

    Raises:
        MediaError: one does not exist, or a folder holds none.
    """
    found: dict[Path, None] = {}
    for source in sources:
        if source.is_dir() and not is_frames(source):
            inside = sorted(one for one in source.iterdir() if is_frames(one))
            if not inside:
                raise MediaError(f"{source} holds no video: name a folder of {', '.join(VIDEOS[:4])} files or pictures")
            found |= dict.fromkeys(inside)
        else:
            found[source if source.is_dir() else readable_file(source)] = None
    return list(found)


def make_pairs(videos: Sequence[Path], protocol: str) -> list[Pair]:
    """Return the pairs of a protocol.

    self: each video's first frame is driven by the video. cross: it is driven by the next video, the last one's by the
    first.

    Raises:
        MediaError: cross with a single video.
    """
    if protocol == SELF:
        return _distinct([Pair(_stem(one), one, one) for one in videos])
    if len(videos) < 2:
        raise MediaError("The protocol cross takes the next video as driver: give at least two videos")
    following = [*videos[1:], videos[0]]
    return _distinct([Pair(f"{_stem(a)}--{_stem(b)}", a, b) for a, b in zip(videos, following, strict=True)])


def read_pairs(path: Path) -> list[Pair]:
    """Read a CSV file with the columns source, driver and, if wanted, name and result; paths are relative to it.

    Raises:
        MediaError: the file, or one that it names, does not exist.
        FileFormatError: a column is missing or a cell empty.
    """
    file = readable_file(path)
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(f"{file} is no CSV file in UTF-8 ({error}): save it as such") from error
    pairs = []
    for number, row in enumerate(rows, 2):
        if not row.get("source") or not row.get("driver"):
            raise FileFormatError(f"{file}, line {number}: give a source and a driver in columns with these names")
        source, driver = (_existing(file, number, row[key]) for key in ("source", "driver"))
        name = row.get("name") or (_stem(source) if source == driver else f"{_stem(source)}--{_stem(driver)}")
        if Path(name).name != name or name.startswith("."):
            raise FileFormatError(f"{file}, line {number}: the name '{name}' is no file name")
        result = _existing(file, number, row["result"]) if row.get("result") else None
        pairs.append(Pair(name, source, driver, result))
    if not pairs:
        raise FileFormatError(f"{file} holds no pair: give lines with a source and a driver")
    return _distinct(pairs)


def add_results(pairs: Iterable[Pair], folder: Path) -> list[Pair]:
    """Return the pairs with what another program made of them: `NAME.mp4` and the like, or folders of pictures `NAME`.

    Raises:
        MediaError: a result is missing.
    """
    return [Pair(pair.name, pair.source, pair.driver, pair.result or _result(folder, pair.name)) for pair in pairs]


def _result(folder: Path, name: str) -> Path:
    candidates = [folder / name, *(folder / f"{name}{extension}" for extension in VIDEOS)]
    found = next((one for one in candidates if one.exists() and is_frames(one)), None)
    if found is None:
        raise MediaError(f"{folder} holds no result for {name}: expected {name}.mp4, or a folder {name} of pictures")
    return found


def _existing(file: Path, number: int, text: str) -> Path:
    path = file.parent / text
    if not path.exists():
        raise MediaError(f"{file}, line {number}: {path} does not exist")
    return path


def _stem(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def _distinct(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs with numbers behind names that come again."""
    named, taken = [], set()
    for pair in pairs:
        name, count = pair.name, 1
        while name.lower() in taken:
            count += 1
            name = f"{pair.name}.{count}"
        taken.add(name.lower())
        named.append(Pair(name, pair.source, pair.driver, pair.result))
    return named
