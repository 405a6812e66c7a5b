"""Results as CSV and as Markdown, beside what was published."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .published import ROWS, VFHQ
from .registry import VARIANTS, group_reasons
from .statistics import Estimate, over_videos
from .variants import PROTOCOLS

ARROWS = {"higher": "↑", "lower": "↓", "": ""}
NOT_COMPARABLE = "not comparable"
_DIGITS = 4


def summarize(scores: Iterable[dict[str, Any]]) -> dict[str, dict[str, dict[str, Estimate]]]:
    """Protocol -> method -> id -> mean over the videos, of what `scoring.score_pair` gave."""
    summary: dict[str, dict[str, dict[str, Estimate]]] = {}
    scores = list(scores)
    for protocol in PROTOCOLS:
        own = [one for one in scores if one["protocol"] == protocol]
        for method in dict.fromkeys(name for one in own for name in one["methods"]):
            for name in VARIANTS:
                found = _estimate([one for one in own if method in one["methods"]], method, name)
                if found is not None:
                    summary.setdefault(protocol, {}).setdefault(method, {})[name] = found
    return summary


def _estimate(scores: list[dict[str, Any]], method: str, name: str) -> Estimate | None:
    values = [one["methods"][method]["values"].get(name) for one in scores]
    known = [value for value in values if value is not None]
    frames = scores[0]["methods"][method]["frames"].get(name) if len(scores) == 1 else None
    series = None if frames is None else np.array([math.nan if v is None else v for v in frames])
    return over_videos(known, series, scores[0]["fps"])


def missing(scores: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Id -> why it could not be computed and how to get what it needs."""
    found: dict[str, str] = {}
    for one in scores:
        found |= one["missing"]
    return {name: found[name] for name in VARIANTS if name in found}


def csv_table(scores: Iterable[dict[str, Any]]) -> str:
    """One line for each video, method and variant; where there is no value, the note says why."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["video", "protocol", "method", "metric", "value", "unit", "better", "frames", "note"])
    for one in scores:
        for method, score in one["methods"].items():
            rows = [(name, value, "" if value is not None else "no value") for name, value in score["values"].items()]
            rows += [(name, None, f"missing: {why}") for name, why in one["missing"].items()]
            for name, value, note in rows:
                variant = VARIANTS[name]
                shown = "" if value is None else value
                writer.writerow([one["name"], one["protocol"], method, name, shown, variant.unit, variant.better,
                                 len(one["frames"]), note])  # fmt: skip
    return text.getvalue()


def markdown(scores: list[dict[str, Any]], data: str = "") -> str:
    """Means with their intervals, then the published rows: only where variant and data are the same."""
    summary, lines = summarize(scores), ["# Evaluation", ""]
    for protocol, methods in summary.items():
        own = [one for one in scores if one["protocol"] == protocol]
        frames = sum(len(one["frames"]) for one in own)
        lines += [f"## {protocol}: {len(own)} videos, {frames} frames", ""]
        lines += [*_means(methods, missing(own)), "", *_published_table(protocol, methods, data), ""]
    itself = {one["name"]: one["itself"] for one in scores if one.get("itself")}
    if itself:
        lines += [
            "## The portrait driven by its own picture",
            "",
            "| video | PSNR, face | least alpha |",
            "|---|---|---|",
        ]
        lines += [f"| {_cell(name)} | {_plain(one['psnr.face'])} dB | {_plain(one['alpha.face'])} |"
                  for name, one in itself.items()]  # fmt: skip
        lines.append("")
    return "\n".join(lines)


def _means(methods: dict[str, dict[str, Estimate]], lacking: dict[str, str]) -> list[str]:
    names = [name for name in VARIANTS if name in lacking or any(name in one for one in methods.values())]
    lines = ["| metric | " + " | ".join(map(_cell, methods)) + " |", "|---|" + "---|" * len(methods)]
    for name in names:
        variant = VARIANTS[name]
        title = f"{variant.title} {ARROWS[variant.better]} (`{name}`)"
        cells = [format_estimate(one[name], variant.unit) if name in one else "missing" if name in lacking else "–"
                 for one in methods.values()]  # fmt: skip
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    if lacking:
        lines += ["", "Missing:", ""]
        lines += [f"- `{'`, `'.join(ids)}`: {_cell(why)}" for why, ids in group_reasons(lacking).items()]
    return lines


def _published_table(protocol: str, methods: dict[str, dict[str, Estimate]], data: str) -> list[str]:
    rows = [row for row in ROWS if protocol in row.values]
    columns = list(rows[0].values[protocol])
    lines = [
        f"Published, {VFHQ}. A column is beside this program's number only where both are of the same variant"
        + ("." if data == VFHQ else f"; these videos are other data ({data or 'unnamed'}), so nothing compares."),
        "",
        "| method | " + " | ".join(columns) + " | source |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    for row in rows:
        cells = [f"{value:g}" for value, _ in row.values[protocol].values()]
        lines.append(f"| {row.method} | " + " | ".join(cells) + f" | {row.source}, {row.table} |")
    for source in dict.fromkeys(row.source for row in rows):
        ids = {column: variant for column, (_, variant) in next(
            row for row in rows if row.source == source).values[protocol].items()}  # fmt: skip
        for method, estimates in methods.items():
            cells = [beside(estimates, ids[column], data) for column in columns]
            lines.append(f"| **{_cell(method)}**, as there | " + " | ".join(cells) + f" | variants of {source} |")
    return lines


def beside(estimates: dict[str, Estimate], variant: str | None, data: str) -> str:
    """Return the number that stands under a published one, or why none does."""
    if variant is None or data != VFHQ:
        return NOT_COMPARABLE
    return format_estimate(estimates[variant], "") if variant in estimates else "missing"


def format_estimate(estimate: Estimate, unit: str) -> str:
    """Mean, unit and interval."""
    text = _plain(estimate.mean) + (f" {unit}" if unit else "")
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{_plain(estimate.low)}, {_plain(estimate.high)}]"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.{_DIGITS}g}"


def _cell(text: str) -> str:
    """Return text that cannot break a table."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
