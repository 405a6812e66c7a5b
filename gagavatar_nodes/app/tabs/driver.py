"""What moves a face: a built-in motion, a video or a voice."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ...driving.builtin import BUILTIN_NAMES
from ..context import EXAMPLE_DRIVER, EXAMPLE_VOICE, Context
from ..graphs import Source
from ..sessions import Session
from .parts import QUIET, tiles
from .settings import BUILTIN, VIDEO, VOICE

_MOTIONS = {name: name.replace("_", " ").capitalize() for name in BUILTIN_NAMES}


class Driver:
    """The choice of a driver."""

    driven_by: gr.Radio
    video: gr.Video
    voice: gr.Audio

    def __init__(self, context: Context, prefix: str = "", chosen: str = BUILTIN, label: str = "What moves it") -> None:
        """Lay it out where this is called; `prefix` is that of the ids."""
        self.driven_by = gr.Radio([BUILTIN, VIDEO, VOICE], value=chosen, label=label, elem_id=f"{prefix}driven-by")
        self._motion = tiles(_MOTIONS, "talk", "Motion", f"{prefix}motion", chosen == BUILTIN)
        with gr.Column(visible=chosen == VIDEO) as filmed:
            self.video = gr.Video(
                label="Driving video", value=context.example(EXAMPLE_DRIVER), height=300,
                sources=["upload", "webcam"], elem_id=f"{prefix}driver",
                webcam_options=gr.WebcamOptions(mirror=False),
            )  # fmt: skip
            drivers = tiles({"driver": "Speaking woman"}, "driver", "Or this one", f"{prefix}drivers")
        with gr.Column(visible=chosen == VOICE) as spoken:
            self.voice = gr.Audio(
                label="Voice: speech of any language", value=context.example(EXAMPLE_VOICE), type="filepath",
                sources=["upload", "microphone"], elem_id=f"{prefix}voice",
            )  # fmt: skip
            self._text = gr.Textbox(
                label="What is said", placeholder="English; may stay empty", elem_id=f"{prefix}text",
                info="Where it is known, lips keep to it more closely.",
            )  # fmt: skip
        self.driven_by.change(
            lambda choice: tuple(gr.update(visible=choice == one) for one in (BUILTIN, VIDEO, VOICE)),
            self.driven_by, [self._motion, filmed, spoken], **QUIET,
        )  # fmt: skip
        drivers.input(lambda _: context.example(EXAMPLE_DRIVER), drivers, self.video, **QUIET)
        gr.on([self.video.upload, self.video.clear], lambda: None, None, drivers, **QUIET)

    @property
    def inputs(self) -> list[Any]:
        """What was chosen: the kind, the motion, the video, the voice, and what it says."""
        return [self.driven_by, self._motion, self.video, self.voice, self._text]


def source_of(
    context: Context, session: Session, driven_by: str, motion: str, video: str | None, voice: str | None
) -> Source:
    """Return what was chosen, as a source of a graph.

    Raises:
        GagavatarError: it is missing, too large, or no upload of this visitor.
    """
    if driven_by == BUILTIN:
        return Source("builtin", motion)
    return context.voice(session, voice) if driven_by == VOICE else context.driver(session, video)
