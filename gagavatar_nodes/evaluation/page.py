"""The report as one HTML page without anything outside of it."""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import Any

from .registry import VARIANTS, group_reasons
from .tables import ARROWS, format_estimate, missing, summarize

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 1100px; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .75rem; text-align: left }
tr { border-bottom: 1px solid #8884 } td small { color: #888 } .wide { overflow-x: auto }
figure { margin: 1rem 0 } img { max-width: 100%; border-radius: 4px } figcaption { color: #888 }
svg { width: 100%; max-width: 760px; height: 120px; background: #8881; border-radius: 4px; display: block }
.curves { display: grid; gap: .25rem 1rem }
"""
_COLORS = ("#2a7de1", "#d9822b", "#3a9d5d")
_CURVES = ("psnr.face", "ssim.face", "lpips.squeeze.crop478", "csim.sface", "csim.insightface", "identity.sface",
           "aed.l1.arkit", "apd.geodesic.landmarks478", "akd.l2.landmarks478")  # fmt: skip
_WIDTH, _HEIGHT, _POINTS = 760, 120, 760


def html_page(scores: list[dict[str, Any]], galleries: Path, title: str = "Evaluation") -> str:
    """Return the page: means, what is missing, and of each video its worst, median and best frames and its curves.

    Args:
        scores: of `scoring.score_pair`.
        galleries: folder that holds a gallery for each pair's name.
        title: what stands at the top.
    """
    parts = [f"<h1>{html.escape(title)}</h1>"]
    for protocol, methods in summarize(scores).items():
        own = [one for one in scores if one["protocol"] == protocol]
        parts.append(f"<h2>{protocol}: {len(own)} videos, {sum(len(one['frames']) for one in own)} frames</h2>")
        parts.append(_table(methods, missing(own)))
    for one in scores:
        parts.append(f"<h2>{html.escape(one['name'])}</h2>{_pictures(one, galleries)}{_curves(one)}")
    body = "\n".join(parts)
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
    )
    return f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>'


def _table(methods: dict[str, Any], lacking: dict[str, str]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in methods)
    rows = []
    for name, variant in VARIANTS.items():
        if name not in lacking and not any(name in one for one in methods.values()):
            continue
        about = html.escape(f"{variant.definition}. {variant.source}", quote=True)
        cells = "".join(
            f"<td>{html.escape(format_estimate(one[name], variant.unit) if name in one else '–')}</td>"
            for one in methods.values()
        )
        if name in lacking:
            cells = f'<td colspan="{len(methods)}"><small>missing</small></td>'
        first = f"{html.escape(variant.title)} {ARROWS[variant.better]} <small>{name}</small>"
        rows.append(f'<tr><td title="{about}">{first}</td>{cells}</tr>')
    table = f'<div class="wide"><table><tr><th>metric</th>{head}</tr>{"".join(rows)}</table></div>'
    return table + _missing(lacking)


def _missing(lacking: dict[str, str]) -> str:
    """What is missing and how to get it, once for all that need it."""
    reasons = group_reasons(lacking).items()
    items = (f"<li><small>{', '.join(names)}</small>: {html.escape(why)}</li>" for why, names in reasons)
    listed = "".join(items)
    return (
        f"<details><summary>{len(lacking)} metrics are missing</summary><ul>{listed}</ul></details>" if listed else ""
    )


def _pictures(one: dict[str, Any], galleries: Path) -> str:
    chosen = one.get("pictures") or {}
    if not chosen:
        return ""
    variant = VARIANTS[chosen["by"]]
    shown_as = " | ".join(["truth" if one["protocol"] == "self" else "driver", *one["methods"]])
    figures = []
    for title in ("worst", "median", "best"):
        file = galleries / one["name"] / chosen[title]["file"]
        data = base64.b64encode(file.read_bytes()).decode()
        caption = f"{title} by {variant.title}: frame {chosen[title]['frame']}, {chosen[title]['value']:.4g} "
        caption = html.escape(f"{caption}{variant.unit} ({shown_as})")
        figures.append(
            f'<figure><img src="data:image/jpeg;base64,{data}" alt="{title} frame">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    return "".join(figures)


def _curves(one: dict[str, Any]) -> str:
    drawn = []
    for name in _CURVES:
        lines = {method: score["frames"].get(name) for method, score in one["methods"].items()}
        lines = {method: values for method, values in lines.items() if values and any(v is not None for v in values)}
        if lines:
            drawn.append(f"<div>{_curve(name, lines)}</div>")
    return f'<div class="curves">{"".join(drawn)}</div>'


def _curve(name: str, lines: dict[str, list[float | None]]) -> str:
    """Return the values over the frames, one line a method."""
    known = [value for values in lines.values() for value in values if value is not None]
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    paths, legend = [], []
    for color, (method, values) in zip(_COLORS, lines.items(), strict=False):
        step = max(1, len(values) // _POINTS)
        last = max(1, len(values) - 1)
        path, pen = [], "M"
        for index in range(0, len(values), step):
            value = values[index]
            if value is None:
                pen = "M"
                continue
            x, y = index / last * (_WIDTH - 8) + 4, _HEIGHT - 6 - (value - low) / span * (_HEIGHT - 12)
            path.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
        paths.append(f'<path d="{"".join(path)}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        legend.append(f'<span style="color:{color}">{html.escape(method)}</span>')
    unit = VARIANTS[name].unit
    caption = f"{html.escape(VARIANTS[name].title)}, {low:.4g} to {high:.4g} {html.escape(unit)}: {', '.join(legend)}"
    return f'{caption}<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none">{"".join(paths)}</svg>'
