"""What is wrong with a node's inputs, found before anything runs.

ComfyUI checks types and ranges itself, but not of the inputs that a node's `VALIDATE_INPUTS` names; `first_problem`
does that for those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import host

Links = Mapping[str, str]
"""Name of a connected input -> the type that it is given: ComfyUI's `input_types`."""


def first_problem(node: Any, links: Links | None, **values: Any) -> str | None:
    """Return what is wrong with links' types, or with values (None: not set here), by the node's `INPUT_TYPES`."""
    types = node.INPUT_TYPES()
    inputs = {**types.get("required", {}), **types.get("optional", {})}
    for name, given in (links or {}).items():
        if name in inputs and not host.fits(given, inputs[name][0]):
            return f"'{name}' takes {inputs[name][0]}, but {given} is connected"
    for name, value in values.items():
        kind, options = inputs[name]
        if value is None:
            continue
        if isinstance(kind, list) and value not in kind:
            return f"'{name}' is {value!r}, but can be {', '.join(kind)}"
        if not options.get("min", value) <= value <= options.get("max", value):
            return f"'{name}' is {value}, but must be {options['min']} to {options['max']}"
    return None


def span_problem(start: float | None, end: float | None) -> str | None:
    """Return what is wrong with the seconds between which something is kept; an end of 0 is its own."""
    if start is not None and end and start >= end:
        return f"'end' is second {end:g}, which is not after 'start', second {start:g}: 0 keeps it to its end"
    return None


def look_problem(links: Links | None, background: str | None, color: str | None, format: str = "") -> str | None:
    """Return what keeps a rendering node from its look: background, and the file's `format` where it writes one.

    A connected picture stands behind the head whatever `background` says, and one to stitch into has its own.
    """
    from ..media.backgrounds import parse_color
    from ..media.formats import FORMATS

    links = links or {}
    if "beside_driver" in links and "beside_portrait" not in links:
        return "'beside_driver' is shown between the portrait and the head: connect 'beside_portrait' too"
    if "background_image" in links or "stitch_into" in links:
        return None
    if background == "image":
        return "'background' is image, but none is connected: connect 'background_image', or choose another background"
    if background == "color" and color is not None and parse_color(color) is None:
        return f"'{color}' is no color: give #rrggbb, or a name such as black, white or green"
    if background != "transparent":
        return None
    if "beside_portrait" in links:
        return "Pictures side by side cannot be transparent: choose another background"
    form = FORMATS.get(f".{format}")
    if form is not None and form.alpha is None:
        able = " or ".join(name[1:] for name, one in FORMATS.items() if one.alpha is not None)
        return f"{format} has no transparency: choose the format {able}, or another background"
    return None
