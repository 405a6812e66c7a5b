"""The sliders of a face, with its halves together or apart, and whole faces to start from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import gradio as gr
import numpy as np

from ...driving.macros import EXPRESSIONS, MACROS
from .. import expressions
from .parts import QUICK


class Sliders:
    """What functions get of `state` are a face's values, which `by_name` reads."""

    def __init__(self) -> None:
        """Lay the few out that stand for many, where this is called."""
        with gr.Column(elem_classes="pairs"):
            self._boxes = {name: _slider(name) for name in MACROS}

    def unfold(self) -> None:
        """Lay the others out in a fold, where this is called."""
        with gr.Accordion("All sliders", open=False, elem_id="studio-all"):
            self._even = gr.Checkbox(True, label="Left and right together", elem_id="studio-linked")
            self._boxes |= _fine_sliders()

    @property
    def boxes(self) -> list[gr.Slider]:
        """The sliders, in the order of `expressions.NAMES`."""
        return [self._boxes[name] for name in expressions.NAMES]

    @property
    def state(self) -> list[Any]:
        """Whether both halves of the face go together, then the sliders."""
        return [self._even, *self.boxes]

    def link_halves(self) -> None:
        """Have the right half hidden and moved by the left one as long as they go together."""
        lefts, rights = ([self._boxes[name] for name in half] for half in (_LEFTS, _RIGHTS))
        self._even.change(_show_halves, self._even, lefts + rights, **QUICK)
        self._even.input(lambda *values: values, lefts, rights, **QUICK)


class Presets:
    """Buttons that give a whole face."""

    def __init__(self) -> None:
        """Lay them out where this is called."""
        with gr.Row(elem_classes="chips"):
            self._buttons = {
                name: gr.Button(name.capitalize(), size="sm", min_width=0, elem_id=f"studio-{name}")
                for name in EXPRESSIONS
            }
            self._dice = gr.Button("Random", size="sm", min_width=0, elem_id="studio-random")

    def wire(self, sliders: Sliders, redraw: Mapping[str, Any]) -> None:
        """Have them set the sliders; `redraw` is what `then` is to do."""
        for name, button in self._buttons.items():
            button.click(partial(to_state, EXPRESSIONS[name]), None, sliders.state, **QUICK).then(**redraw)
        rng = np.random.default_rng()
        roll = self._dice.click(lambda: to_state(expressions.random(rng)), None, sliders.state, **QUICK)
        roll.then(**redraw)


def by_name(values: tuple[float, ...]) -> dict[str, float]:
    """Return the sliders' values by name; the first value says whether both halves of the face go together."""
    together, *rest = values
    named = dict(zip(expressions.NAMES, rest, strict=True))
    return expressions.link_halves(named) if together else named


def to_state(values: Mapping[str, float]) -> list[Any]:
    """Return what `Sliders.state` is to hold for a face; sliders not named are at rest."""
    return [expressions.is_even(values), *(values.get(name, 0.0) for name in expressions.NAMES)]


_LEFTS, _RIGHTS = tuple(expressions.PAIRS), tuple(expressions.PAIRS.values())


def _show_halves(together: bool) -> list[Any]:
    labels = [gr.update(label=_words(left, together)) for left in _LEFTS]
    return [*labels, *(gr.update(visible=not together) for _ in _RIGHTS)]


def _slider(name: str) -> gr.Slider:
    low, high = expressions.bounds(name)
    if name in MACROS:
        label = MACROS[name].label + (" (degrees)" if MACROS[name].angle else "")
    else:
        label = expressions.LABELS.get(name) or _words(name, name in _LEFTS)
    step = 1 if high > 1 else 0.01
    return gr.Slider(low, high, 0, step=step, label=label, visible=name not in _RIGHTS, elem_id=f"slider-{name}")


def _fine_sliders() -> dict[str, gr.Slider]:
    found = {name: _slider(name) for name in expressions.LABELS}
    for region, names in expressions.GROUPS.items():
        with gr.Accordion(region.capitalize(), open=False):
            found |= {name: _slider(name) for name in names}
    return found


def _words(name: str, together: bool = False) -> str:
    """`mouthSmileLeft` -> `Mouth smile left`, or `Mouth smile` for both halves."""
    stem = name.removesuffix("Left") if together else name
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in stem)
    return spaced[0].upper() + spaced[1:]
