"""What a batch is asked for: one clip a job, from lists and from patterns."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from ..choices import SIZE, SMOOTHING
from ..errors import GagavatarError
from ..media.files import readable_file
from .storage import name_of

Face = int | tuple[float, float] | str | None
"""An index, a point in pixels, or the address of a picture of the person."""
_COLUMNS = ("portrait", "driver", "output", "settings")


@dataclass(frozen=True)
class JobSettings:
    """How a clip is made: what `gagavatar animate` can be told, under the same names."""

    avatar: str = "auto"
    density: int | None = None
    face: Face = None
    tracker: str = "auto"
    driver_face: Face = None
    smoothing: float = SMOOTHING
    fps: float | None = None
    seconds: float | None = None
    expression: float = 1.0
    head_pose: float = 1.0
    loop: bool = False
    reference: str | int = "auto"
    pose: str = "auto"
    seed: int | None = None
    size: tuple[int, int] = (SIZE, SIZE)
    background: str = "black"
    stitch: bool = False
    compare: bool = False
    no_audio: bool = False
    drive: str = "auto"
    voice: tuple[str, ...] = ()
    voice_style: str | None = None
    text: str = ""
    voice_strength: tuple[tuple[str, float], ...] = ()
    voice_seed: int = 0


@dataclass(frozen=True)
class Job:
    """One clip."""

    portrait: str
    driver: str
    output: str
    """Below the folder of the batch; its extension chooses the format."""
    settings: JobSettings = field(default_factory=JobSettings)


@dataclass(frozen=True)
class Row:
    """One job as it stands in a list."""

    place: str
    """For messages: the list's name and the line."""
    portrait: str
    driver: str
    output: str | None
    settings: dict[str, Any]


def read_rows(path: str) -> list[Row]:
    """Return the jobs of a list: JSON Lines (`.jsonl`, `.ndjson`), or CSV with a line of names (`.csv`).

    A job has a `portrait`, a `driver`, perhaps an `output`, and settings, either as fields of their own or together in
    an object `settings`.

    Raises:
        GagavatarError: a line cannot be read, or lacks something; the message names it.
        MediaError: the list does not exist.
    """
    file = readable_file(path)
    if file.suffix.lower() not in (".jsonl", ".ndjson", ".csv"):
        raise GagavatarError(f"{file} is no list of jobs: give a .jsonl or a .csv file")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise GagavatarError(f"{file} cannot be read as UTF-8 text: save it as such") from error
    found = _csv(text, file.name) if file.suffix.lower() == ".csv" else _json_lines(text, file.name)
    rows = [_row(place, entry) for place, entry in found]
    if not rows:
        raise GagavatarError(f"{file} holds no job: write one a line, with portrait and driver")
    return rows


def all_pairs(portraits: Sequence[str], drivers: Sequence[str]) -> list[tuple[str, str]]:
    """Return every portrait with every driver, a portrait's pairs one after the other."""
    return [(portrait, driver) for portrait in portraits for driver in drivers]


def default_output(portrait: str, driver: str, extension: str) -> str:
    """Return the name of a clip that was given none."""
    return f"{PurePath(name_of(portrait)).stem}__{PurePath(name_of(driver)).stem}{extension}"


def check_outputs(jobs: Sequence[Job]) -> None:
    """Refuse outputs that leave the folder, and two jobs that write the same one.

    Raises:
        GagavatarError: there is such a one.
    """
    seen: dict[str, Job] = {}
    for job in jobs:
        path = PurePath(job.output)
        if path.is_absolute() or ".." in path.parts or "://" in job.output:
            raise GagavatarError(f"{job.output} is no name of a file in the output folder: leave out '..' and drives")
        name = job.output.lower()  # two names that differ in case alone are one file on many disks
        if name in seen and seen[name] != job:
            raise GagavatarError(
                f"{job.output} is the output of two jobs ({seen[name].portrait} with {seen[name].driver}, "
                f"{job.portrait} with {job.driver}): give each a name of its own"
            )
        seen[name] = job


def _json_lines(text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        place = f"{name}, line {number}"
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise GagavatarError(f"{place} is no JSON ({error}): write one object a line") from error
        if not isinstance(entry, dict):
            raise GagavatarError(f'{place} is no JSON object: write {{"portrait": ..., "driver": ...}}')
        yield place, entry


def _csv(text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    for entry in reader:
        place = f"{name}, line {reader.line_num}"
        if None in entry or None in entry.values():
            raise GagavatarError(
                f"{place} has not as many values as the first line has names: leave fields empty, but keep their commas"
            )
        yield place, {key.strip(): value.strip() for key, value in entry.items() if value.strip()}


def _row(place: str, entry: dict[str, Any]) -> Row:
    for name in ("portrait", "driver"):
        if not isinstance(entry.get(name), str) or not entry[name]:
            raise GagavatarError(f"{place} has no {name}: name a file")
    if not isinstance(entry.get("output", ""), str):
        raise GagavatarError(f"{place}: output is no name of a file")
    settings = entry.get("settings") or {}
    if isinstance(settings, str):  # in CSV
        try:
            settings = json.loads(settings)
        except ValueError as error:
            raise GagavatarError(f"{place}: settings are no JSON ({error})") from error
    if not isinstance(settings, dict):
        raise GagavatarError(f"{place}: settings are no object of names and values")
    settings = {**settings, **{name: value for name, value in entry.items() if name not in _COLUMNS}}
    return Row(place, entry["portrait"], entry["driver"], entry.get("output") or None, settings)
