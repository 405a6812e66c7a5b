"""Many pairs: side by side, resumed where a run was broken off, with reports for people and programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import GagavatarError, MediaError
from ..media.files import atomic_output
from ..processes import JobProgress, run_jobs, usual_workers
from ..types import Progress
from .page import html_page
from .pairs import Pair
from .scoring import Work, score_pair
from .tables import csv_table, markdown, missing, summarize

PAIRS, GALLERIES = "pairs", "pictures"
JSON, CSV, MARKDOWN, PAGE = "evaluation.json", "evaluation.csv", "evaluation.md", "index.html"
_VERSION = 1
"""Of the scores; a change of what is measured makes old ones stale."""


def evaluate(
    pairs: list[Pair], out: Path, work: Work, workers: int = 0, data: str = "", progress: JobProgress | None = None
) -> dict[str, Any]:
    """Score pairs into the folder `out`; return the report that its JSON file holds.

    A pair that cannot be scored is reported and does not stop the rest. Those that were scored in the same way before
    are left as they are.

    Args:
        pairs: who drives whom.
        out: folder of the reports; it is made when it is missing.
        work: what is measured.
        workers: processes; 0 for one of every two processors.
        data: name of the data set, such as `published.VFHQ`: numbers compare with published ones on the same data.
        progress: called while pairs are worked on.

    Raises:
        MediaError: `out` cannot be written.
    """
    try:
        (out / PAIRS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{out} cannot be made ({error.strerror}): choose another --out") from error
    waiting = {pair.name: (pair, out, work) for pair in pairs if not _is_done(pair, out, work)}

    def ended(name: str, code: int | None) -> None:
        if code != 0:
            why = f"its process ended with code {code}: a file may be damaged, or the memory too small"
            _write(_file(out, name), {"name": name, "error": why})

    run_jobs(_score, waiting, workers or usual_workers(), progress, ended)
    scores = [read_score(_file(out, pair.name)) for pair in pairs]
    return write_reports([one for one in scores if one is not None], out, data)


def write_reports(scores: list[dict[str, Any]], out: Path, data: str = "") -> dict[str, Any]:
    """Write JSON, CSV, Markdown and HTML; return what the JSON file holds."""
    good = [one for one in scores if "error" not in one]
    report = {
        "version": _VERSION,
        "data": data,
        "mean": {
            protocol: {
                method: {name: asdict(value) for name, value in values.items()} for method, values in one.items()
            }
            for protocol, one in summarize(good).items()
        },
        "missing": missing(good),
        "errors": {one["name"]: one["error"] for one in scores if "error" in one},
        "videos": good,
    }
    _write(out / JSON, report)
    for name, text in (
        (CSV, csv_table(good)),
        (MARKDOWN, markdown(good, data)),
        (PAGE, html_page(good, out / GALLERIES)),
    ):
        with atomic_output(out / name) as temporary:
            temporary.write_text(text, "utf-8")
    return report


def read_score(file: Path) -> dict[str, Any] | None:
    """Return what was written of a pair; None where there is nothing that can be read."""
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _score(pair: Pair, out: Path, work: Work, report: Progress) -> None:
    """In a process of its own."""
    try:
        content = score_pair(pair, work, out / GALLERIES / pair.name, report)
    except (GagavatarError, OSError, MemoryError) as error:
        content = {"name": pair.name, "error": " ".join(str(error).splitlines()) or type(error).__name__}
    _write(_file(out, pair.name), content | {"stamp": _stamp(pair, work)})


def _is_done(pair: Pair, out: Path, work: Work) -> bool:
    found = read_score(_file(out, pair.name))
    return found is not None and "error" not in found and found.get("stamp") == _stamp(pair, work)


def _stamp(pair: Pair, work: Work) -> list[Any]:
    """What a score depends on: files and what is asked for. Weights that came since are asked for as well."""
    from .registry import choose, split_missing
    from .variants import Instruments

    files = [pair.source, pair.driver, *([pair.result] if pair.result else [])]
    _, lacking = split_missing(choose(work.metrics, pair.protocol), Instruments(work.recipe.settings))
    how = {**asdict(work), "recipe": {**asdict(work.recipe), "settings": repr(work.recipe.settings)}}
    stamp = [_VERSION, [[str(one), *_state(one)] for one in files], how, sorted(lacking)]
    return json.loads(json.dumps(stamp, default=str))


def _state(path: Path) -> list[int]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    states = [file.stat() for file in files]
    return [len(files), sum(one.st_size for one in states), max((one.st_mtime_ns for one in states), default=0)]


def _file(out: Path, name: str) -> Path:
    return out / PAIRS / f"{name}.json"


def _write(path: Path, content: Any) -> None:
    with atomic_output(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1), "utf-8")
