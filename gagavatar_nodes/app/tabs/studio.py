"""Expression studio: sliders that the picture follows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ...driving.motion_file import save_motion
from ...living import write_page
from ...media.images import write_image
from ...types import Motion
from .. import expressions
from ..avatars import picture_of
from ..context import Context
from ..graphs import expression
from ..workflows import note_for, to_ui
from .parts import QUICK, draws_while_moved, live_picture, picture_html, saver
from .sliders import Presets, Sliders, by_name, to_state

_FAST, _SHARP = 256, 512
_FPS = 25.0
_ALT = "The portrait with the expression of the sliders"
_NO_KEYS = "No key frames."


def build(context: Context, portrait: gr.Image, tab: gr.Tab) -> None:
    """Lay the tab out."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300, elem_classes="stays"):
            picture = live_picture("The face appears here.", "studio-picture")
        with gr.Column(scale=1, min_width=300):
            presets = Presets()
            sliders = Sliders()
            saving = gr.Row(equal_height=True)
            sliders.unfold()
            keys = _KeyFrames()
            text = _Text()
    face = _Face(context)
    given = [portrait, *sliders.state]
    moved, released = [box.input for box in sliders.state], [box.release for box in sliders.boxes]
    draws_while_moved(moved, released, tab, face.fast, face.sharp, given, picture)
    redraw = {"fn": face.sharp, "inputs": given, "outputs": picture, **QUICK}
    sliders.link_halves()
    presets.wire(sliders, redraw)
    text.wire(sliders, redraw)
    keys.wire(context, sliders)
    with saving:
        saver("Save picture", "studio-save", face.save_picture, given)
        saver("ComfyUI workflow", "studio-workflow", face.save_workflow, given)
        saver("Download living avatar", "studio-living", face.save_page, [portrait, *keys.state, *sliders.state])


class _Face:
    """The portrait with the face of the sliders, drawn and as files."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def fast(self, request: gr.Request, path: str | None, *values: float) -> str:
        """For while a slider is moved."""
        return picture_html(self._draw(request, path, _FAST, values), _ALT)

    def sharp(self, request: gr.Request, path: str | None, *values: float) -> str:
        """For when it was let go."""
        return picture_html(self._draw(request, path, _SHARP, values), _ALT)

    def save_picture(self, request: gr.Request, path: str | None, *values: float) -> str:
        """Write it as a picture."""
        file = self._context.result(request, "expression.png")
        write_image(file, self._draw(request, path, 2 * _SHARP, values))
        return str(file)

    def save_workflow(self, request: gr.Request, path: str | None, *values: float) -> str:
        """Write the graph that makes it in ComfyUI."""
        source = self._context.portrait(self._context.session(request), path)
        graph = expression(source, expressions.node_inputs(by_name(values)))
        file = self._context.result(request, "expression_workflow.json")
        file.write_text(json.dumps(to_ui(graph, note_for(graph)), indent=1), encoding="utf-8")
        return str(file)

    def save_page(
        self, request: gr.Request, path: str | None, listed: list[dict[str, float]], seconds: float, *values: float
    ) -> str:
        """Write a living page that moves through the key frames, or from the face at rest to this one."""
        avatar = self._context.avatar(self._context.session(request), path, "embedded")
        keys = listed if len(listed) > 1 else [{}, by_name(values)]
        file = self._context.result(request, "avatar.html")
        write_page(file, avatar, {"expression": _motion(keys, seconds)})
        return str(file)

    def _draw(self, request: gr.Request, path: str | None, size: int, values: tuple[float, ...]) -> np.ndarray:
        avatar = self._context.avatar(self._context.session(request), path)
        return picture_of(avatar, expressions.pose_face(by_name(values)), size)


class _KeyFrames:
    """Faces that were set one after the other, between which a motion goes."""

    def __init__(self) -> None:
        """Lay their fold out where this is called."""
        self._listed = gr.State([])
        with gr.Accordion("Key frames", open=False):
            gr.Markdown("Set a face, add it, set the next one: the motion goes from one to the next.")
            self._seconds = gr.Slider(0.1, 5, 0.8, step=0.1, label="Seconds between two")
            with gr.Row():
                self._add = gr.Button("Add key frame", elem_id="studio-add", min_width=110)
                self._clear = gr.Button("Clear", min_width=80)
            self._saving = gr.Row()
            self._count = gr.Markdown(_NO_KEYS, elem_id="studio-keys")

    @property
    def state(self) -> list[Any]:
        """The faces, and the seconds between two."""
        return [self._listed, self._seconds]

    def wire(self, context: Context, sliders: Sliders) -> None:
        """Have the sliders' face added and the motion saved."""

        def on_add(listed: list[dict[str, float]], *values: float) -> tuple[list[dict[str, float]], str]:
            longer = [*listed, by_name(values)]
            return longer, f"{len(longer)} key frames." if len(longer) > 1 else "1 key frame."

        def on_save(request: gr.Request, listed: list[dict[str, float]], seconds: float) -> str:
            file: Path = context.result(request, "expression.motion.safetensors")
            save_motion(_motion(listed, seconds), file)
            return str(file)

        kept = [self._listed, self._count]
        self._add.click(on_add, [self._listed, *sliders.state], kept, **QUICK)
        self._clear.click(lambda: ([], _NO_KEYS), None, kept, **QUICK)
        with self._saving:
            saver("Save motion file", "studio-motion", on_save, self.state)


class _Text:
    """The sliders as text, to be kept and pasted."""

    def __init__(self) -> None:
        """Lay its fold out where this is called."""
        with gr.Accordion("As JSON", open=False):
            self._text = gr.Textbox(label="Sliders", lines=5, buttons=["copy"], elem_id="studio-json")
            with gr.Row():
                self._copy = gr.Button("From the sliders", min_width=110)
                self._paste = gr.Button("To the sliders", min_width=110)

    def wire(self, sliders: Sliders, redraw: dict[str, Any]) -> None:
        """Connect the text with the sliders; `redraw` is what is done when it has set them."""
        self._copy.click(lambda *values: expressions.to_json(by_name(values)), sliders.state, self._text, **QUICK)
        set_ = self._paste.click(lambda text: to_state(expressions.from_json(text)), self._text, sliders.state, **QUICK)
        set_.success(**redraw)


def _motion(keys: list[dict[str, float]], seconds: float) -> Motion:
    return expressions.interpolate_keys(keys, seconds, _FPS)
