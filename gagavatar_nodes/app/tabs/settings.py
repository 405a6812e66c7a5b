"""The settings of the Animate tab, in groups; what does not apply is hidden."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from ...choices import MODELS, PAGE_BACKGROUND, POSES, SIZE, SMOOTHING, STRENGTH, STRENGTHS, TRACKERS
from ...settings import Settings, availability
from ..context import Context
from ..inputs import picture_input
from .parts import QUIET

BUILTIN, VIDEO, VOICE = "Built-in motion", "Video or webcam", "Voice"
COLOR, PICTURE, ORIGINAL, TRANSPARENT = "Color", "Picture", "The portrait's own (head put back)", "Transparent"
BACKGROUNDS = {COLOR: "color", PICTURE: "image", ORIGINAL: "original", TRANSPARENT: "transparent"}
FORMATS = ("mp4", "webm", "mov", "gif")
_OPAQUE = "mp4"
_CUSTOM = "Custom"
SIZES = {
    "Square, 512": (512, 512),
    "Square, 768": (768, 768),
    "Upright, 432 × 768": (432, 768),
    "Wide, 768 × 432": (768, 432),
}
"""Name of a size -> width and height in pixels."""
_SIZED = f"(name, width, height) => ({json.dumps(SIZES)})[name] ?? [width, height]"
"""In the browser, so that whoever presses Animate at once gets this size."""


def build(context: Context, driven_by: gr.Radio) -> list[Any]:
    """Lay the settings out; return their components in the order of `animate.Inputs`."""
    edge, seconds_most = context.limits.edge, context.limits.seconds
    network = availability(Settings())[0]
    flame = Settings().find_flame() is not None
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        with gr.Group():
            gr.Markdown("#### Picture", padding=True)
            sizes = [name for name, size in SIZES.items() if max(size) <= edge]
            size = gr.Dropdown([*sizes, _CUSTOM], value=sizes[0], label="Size", elem_id="size")
            with gr.Row(visible=False) as custom:
                width = gr.Slider(128, edge, SIZE, step=8, label="Width", min_width=140)
                height = gr.Slider(128, edge, SIZE, step=8, label="Height", min_width=140)
            background = gr.Dropdown(list(BACKGROUNDS), value=COLOR, label="Background", elem_id="background")
            color = gr.ColorPicker(PAGE_BACKGROUND, label="Background color", elem_id="color")
            behind = picture_input(label="Background picture", height=160, visible=False, elem_id="behind")
            compare = gr.Checkbox(False, label="Side by side", info="Portrait, driver and result in one video.")
            format_ = gr.Dropdown(list(FORMATS), value=_OPAQUE, label="Format", elem_id="format")
        with gr.Group():
            gr.Markdown("#### Motion", padding=True)
            expression = gr.Slider(
                *STRENGTHS, STRENGTH, step=0.05, label="Expression", info="0 is a face at rest, 1 as filmed."
            )
            head_pose = gr.Slider(
                *STRENGTHS, STRENGTH, step=0.05, label="Head movement", info="0 holds the head still."
            )
            pose = gr.Dropdown(
                list(POSES), value="auto", label="Head pose", elem_id="pose",
                info="The driver's (absolute), or the portrait's own turned by the driver's change (relative).",
            )  # fmt: skip
            smoothing = gr.Slider(
                0, 1, SMOOTHING, step=0.05, label="Smoothing", info="Takes jitter out of a driving video.",
                visible=False, elem_id="smoothing",
            )  # fmt: skip
            seconds = gr.Slider(
                0, seconds_most, 0, step=0.5, label="Seconds", info="Where the motion ends; 0 for all of it."
            )
        with gr.Group():
            gr.Markdown("#### People", padding=True)
            gr.Markdown("A picture of whoever is meant where several faces are seen.", padding=True)
            portrait_person = picture_input(label="In the portrait", height=210, elem_id="portrait-person")
            driver_person = picture_input(label="In the video", height=210, visible=False, elem_id="driver-person")
        with gr.Group(visible=network or flame):
            gr.Markdown("#### Model", padding=True)
            model = gr.Dropdown(
                list(MODELS), value="auto", label="Avatar model", info="See the tab Models.", visible=network,
                elem_id="model",
            )  # fmt: skip
            tracker = gr.Dropdown(
                list(TRACKERS), value="embedded", label="Tracker", info="See the tab Models.", visible=False,
                elem_id="tracker",
            )  # fmt: skip
    size.input(None, [size, width, height], [width, height], js=_SIZED, **QUIET)
    size.input(lambda name: gr.update(visible=name == _CUSTOM), size, custom, **QUIET)
    background.input(_for_background, [background, format_], [color, behind, custom, size, format_], **QUIET)
    driven_by.change(
        lambda source: [gr.update(visible=source == VIDEO and there) for there in (True, flame, True)],
        driven_by, [smoothing, tracker, driver_person], **QUIET,
    )  # fmt: skip
    return [
        width, height, background, color, behind, compare, expression, head_pose, smoothing, seconds, format_, model,
        tracker, pose, portrait_person, driver_person,
    ]  # fmt: skip


def _for_background(background: str, format_: str) -> tuple[Any, ...]:
    """Show what this background asks for; a head that is put back has its picture's size."""
    transparent, original = background == TRANSPARENT, background == ORIGINAL
    return (
        gr.update(visible=background == COLOR),
        gr.update(visible=background == PICTURE),
        gr.update(visible=False) if original else gr.skip(),
        gr.update(visible=not original),
        "webm" if transparent and format_ == _OPAQUE else gr.skip(),
    )
