"""Expression studio: sliders that the picture follows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ...driving.macros import EXPRESSIONS, MACROS
from ...driving.motion_file import save_motion
from ...living import write_page
from ...media.images import write_image
from .. import expressions
from ..avatars import picture_of
from ..context import Context
from ..graphs import expression
from ..workflows import note_for, to_ui
from .parts import live_picture, picture_html, saver, shows_portrait

_FAST, _SHARP = 256, 512
_FPS = 25.0
_ALT = "The portrait with the expression of the sliders"


def build(context: Context, portrait: gr.Image, tab: gr.Tab) -> None:
    """Lay the tab out."""
    keys = gr.State([])
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300, elem_classes="stays"):
            picture = live_picture("The face appears here.", "studio-picture")
        with gr.Column(scale=1, min_width=300):
            with gr.Row(elem_classes="chips"):
                presets = {
                    name: gr.Button(name.capitalize(), size="sm", min_width=0, elem_id=f"studio-{name}")
                    for name in EXPRESSIONS
                }
                dice = gr.Button("Random", size="sm", min_width=0, elem_id="studio-random")
            with gr.Column(elem_classes="pairs"):
                sliders = {name: _slider(name) for name in MACROS}
            saving = gr.Row(equal_height=True)
            with gr.Accordion("All sliders", open=False, elem_id="studio-all"):
                even = gr.Checkbox(True, label="Left and right together", elem_id="studio-linked")
                sliders |= _fine_sliders()
            with gr.Accordion("Key frames", open=False):
                gr.Markdown("Set a face, add it, set the next one: the motion goes from one to the next.")
                seconds = gr.Slider(0.1, 5, 0.8, step=0.1, label="Seconds between two")
                with gr.Row():
                    add = gr.Button("Add key frame", elem_id="studio-add", min_width=110)
                    clear = gr.Button("Clear", min_width=80)
                moving = gr.Row()
                count = gr.Markdown("No key frames.", elem_id="studio-keys")
            with gr.Accordion("As JSON", open=False):
                text = gr.Textbox(label="Sliders", lines=5, buttons=["copy"], elem_id="studio-json")
                with gr.Row():
                    copy = gr.Button("From the sliders", min_width=110)
                    paste = gr.Button("To the sliders", min_width=110)
    boxes = [sliders[name] for name in expressions.NAMES]
    state = [even, *boxes]
    lefts, rights = ([sliders[name] for name in half] for half in (expressions.PAIRS, expressions.PAIRS.values()))

    def draw(request: gr.Request, path: str | None, size: int, values: tuple[float, ...]) -> np.ndarray:
        avatar = context.avatar(context.session(request), path)
        return picture_of(avatar, expressions.pose_face(_by_name(values)), size)

    def fast(request: gr.Request, path: str | None, *values: float) -> str:
        return picture_html(draw(request, path, _FAST, values), _ALT)

    def sharp(request: gr.Request, path: str | None, *values: float) -> str:
        return picture_html(draw(request, path, _SHARP, values), _ALT)

    def set_all(values: Mapping[str, float]) -> list[Any]:
        return [expressions.is_even(values), *(values.get(name, 0.0) for name in expressions.NAMES)]

    def show_halves(together: bool) -> list[Any]:
        labels = [gr.update(label=_words(left, together)) for left in expressions.PAIRS]
        return [*labels, *(gr.update(visible=not together) for _ in rights)]

    def on_paste(given: str) -> list[Any]:
        return set_all(expressions.from_json(given))

    def on_save(request: gr.Request, path: str | None, *values: float) -> str:
        file = context.result(request, "expression.png")
        write_image(file, draw(request, path, 2 * _SHARP, values))
        return str(file)

    def on_workflow(request: gr.Request, path: str | None, *values: float) -> str:
        source = context.portrait(context.session(request), path)
        graph = expression(source, expressions.node_inputs(_by_name(values)))
        file = context.result(request, "expression_workflow.json")
        file.write_text(json.dumps(to_ui(graph, note_for(graph)), indent=1), encoding="utf-8")
        return str(file)

    def on_motion(request: gr.Request, listed: list[dict[str, float]], between: float) -> str:
        file: Path = context.result(request, "expression.motion.safetensors")
        save_motion(expressions.interpolate_keys(listed, between, _FPS), file)
        return str(file)

    def on_living(
        request: gr.Request, path: str | None, listed: list[dict[str, float]], between: float, *values: float
    ) -> str:
        avatar = context.avatar(context.session(request), path, "embedded")
        keys = listed if len(listed) > 1 else [{}, _by_name(values)]
        file = context.result(request, "avatar.html")
        write_page(file, avatar, {"expression": expressions.interpolate_keys(keys, between, _FPS)})
        return str(file)

    def on_add(listed: list[dict[str, float]], *values: float) -> tuple[list[dict[str, float]], str]:
        longer = [*listed, _by_name(values)]
        return longer, f"{len(longer)} key frames." if len(longer) > 1 else "1 key frame."

    quick: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 4, "api_visibility": "private"}
    given = [portrait, *state]
    gr.on(
        [box.input for box in state], fast, given, picture, trigger_mode="always_last", queue=False,
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    gr.on([box.release for box in boxes], sharp, given, picture, trigger_mode="always_last", **quick)
    tab.select(sharp, given, picture, api_visibility="private", concurrency_limit=4)
    even.change(show_halves, even, lefts + rights, **quick)
    even.input(lambda *values: values, lefts, rights, **quick)
    shows_portrait(portrait, sharp, given, picture)
    for name, button in presets.items():
        button.click(partial(set_all, EXPRESSIONS[name]), None, state, **quick).then(sharp, given, picture, **quick)
    rng = np.random.default_rng()
    dice.click(lambda: set_all(expressions.random(rng)), None, state, **quick).then(sharp, given, picture, **quick)
    copy.click(lambda *values: expressions.to_json(_by_name(values)), state, text, **quick)
    paste.click(on_paste, text, state, **quick).success(sharp, given, picture, **quick)
    add.click(on_add, [keys, *state], [keys, count], **quick)
    clear.click(lambda: ([], "No key frames."), None, [keys, count], **quick)
    with saving:
        saver("Save picture", "studio-save", on_save, given)
        saver("ComfyUI workflow", "studio-workflow", on_workflow, given)
        saver("Download living avatar", "studio-living", on_living, [portrait, keys, seconds, *state])
    with moving:
        saver("Save motion file", "studio-motion", on_motion, [keys, seconds])


def _slider(name: str) -> gr.Slider:
    low, high = expressions.bounds(name)
    if name in MACROS:
        label = MACROS[name].label + (" (degrees)" if MACROS[name].angle else "")
    else:
        label = expressions.LABELS.get(name) or _words(name, name in expressions.PAIRS)
    step = 1 if high > 1 else 0.01
    hidden = name in expressions.PAIRS.values()
    return gr.Slider(low, high, 0, step=step, label=label, visible=not hidden, elem_id=f"slider-{name}")


def _fine_sliders() -> dict[str, gr.Slider]:
    found = {name: _slider(name) for name in expressions.LABELS}
    for region, names in expressions.GROUPS.items():
        with gr.Accordion(region.capitalize(), open=False):
            found |= {name: _slider(name) for name in names}
    return found


def _by_name(values: tuple[float, ...]) -> dict[str, float]:
    """Return the sliders by name; the first value says whether both halves of the face go together."""
    together, *rest = values
    named = dict(zip(expressions.NAMES, rest, strict=True))
    return expressions.link_halves(named) if together else named


def _words(name: str, together: bool = False) -> str:
    """`mouthSmileLeft` -> `Mouth smile left`, or `Mouth smile` for both halves."""
    stem = name.removesuffix("Left") if together else name
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in stem)
    return spaced[0].upper() + spaced[1:]
