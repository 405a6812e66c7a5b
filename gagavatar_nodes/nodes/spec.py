"""Input specifications of nodes. Every input has a tooltip, because there is no way to make one without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

Spec: TypeAlias = tuple[Any, dict[str, Any]]

PORTRAIT, AVATAR, MOTION = "GAGAVATAR_PORTRAIT", "GAGAVATAR_AVATAR", "GAGAVATAR_MOTION"
MODEL, TRACKER = "GAGAVATAR_MODEL", "GAGAVATAR_TRACKER"


def socket(kind: str, tooltip: str) -> Spec:
    """Return an input that takes a link only."""
    return kind, {"tooltip": tooltip}


def linked_text(tooltip: str) -> Spec:
    """Return a text that comes from another node."""
    return "STRING", {"forceInput": True, "tooltip": tooltip}


def whole(default: int, low: int, high: int, tooltip: str, *, step: int = 1, advanced: bool = False) -> Spec:
    """Return a whole number from `low` to `high`."""
    return "INT", _options(tooltip, advanced, default=default, min=low, max=high, step=step)


def seed(tooltip: str) -> Spec:
    """Return a seed, behind `advanced`, that stays as it is from run to run: ComfyUI would draw a new one each time."""
    return "INT", _options(tooltip, True, default=0, min=0, max=2**32 - 1, control_after_generate=False)


def number(
    default: float,
    low: float,
    high: float,
    tooltip: str,
    *,
    step: float = 0.01,
    advanced: bool = False,
    slider: bool = False,
) -> Spec:
    """Return a number from `low` to `high`."""
    options = _options(tooltip, advanced, default=default, min=low, max=high, step=step, round=0.001)
    return "FLOAT", options | ({"display": "slider"} if slider else {})


def slider(default: float, low: float, high: float, tooltip: str, *, advanced: bool = False) -> Spec:
    """Return a strength from `low` to `high`, in steps that show."""
    return number(default, low, high, tooltip, step=0.05, advanced=advanced, slider=True)


def switch(default: bool, tooltip: str, *, advanced: bool = False) -> Spec:
    """Yes or no."""
    return "BOOLEAN", _options(tooltip, advanced, default=default)


def choice(options: Sequence[str], tooltip: str, *, default: str | None = None, advanced: bool = False) -> Spec:
    """One of a list."""
    return list(options), _options(tooltip, advanced, **({"default": default} if default else {}))


def text(default: str, tooltip: str, *, advanced: bool = False) -> Spec:
    """Return a line of text."""
    return "STRING", _options(tooltip, advanced, default=default)


def color(default: str, tooltip: str, *, advanced: bool = False) -> Spec:
    """Return a color in words or as #rrggbb; newer versions show a field to pick it from."""
    return "STRING", _options(tooltip, advanced, default=default, color=True)


def paragraph(default: str, tooltip: str) -> Spec:
    """Return a text of several lines."""
    return "STRING", _options(tooltip, False, default=default, multiline=True, dynamicPrompts=False)


def _options(tooltip: str, advanced: bool, **options: Any) -> dict[str, Any]:
    return {**options, "tooltip": tooltip, **({"advanced": True} if advanced else {})}
