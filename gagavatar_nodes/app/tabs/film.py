"""A film whose face takes another expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from ...errors import GagavatarError
from ..context import EXAMPLE_DRIVER, Context
from ..executor import Graph
from ..graphs import AnimateOptions, reexpress
from ..sessions import Session
from .driver import Driver, source_of
from .settings import VOICE
from .stage import Stage

_ABOUT = (
    "The face in the film takes another expression; its head keeps its own pose, and all else stays as it was filmed. "
    "With a voice, and the film's own eyes, it is dubbing."
)


def build(context: Context, portrait: gr.Image, tab: gr.Tab) -> None:
    """Lay the tab out."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            gr.Markdown(_ABOUT)
            film = gr.Video(
                label="Film", value=context.example(EXAMPLE_DRIVER), height=300, sources=["upload", "webcam"],
                elem_id="film", webcam_options=gr.WebcamOptions(mirror=False),
            )  # fmt: skip
            driver = Driver(context, "film-", VOICE, "What its face does")
            with gr.Group():
                eyes = gr.Slider(
                    0, 1, 0, step=0.05, label="Eyes and brows", info="Share of the new ones: 0 leaves the film's.",
                    elem_id="film-eyes",
                )  # fmt: skip
                mouth = gr.Slider(
                    0, 1, 1, step=0.05, label="Mouth and jaw", info="Share of the new ones.", elem_id="film-mouth"
                )
                keep = gr.Checkbox(False, label="Keep the film's sound", elem_id="film-keep")
        with gr.Column(scale=1, min_width=300):
            stage = Stage(context, "Re-express", "reexpress", "film-", label="Result")

    def on_start(
        request: gr.Request, film: str | None, driven_by: str, motion: str, driver: str | None, voice: str | None,
        text: str, eyes: float, mouth: float, keep: bool,
    ) -> Iterator[Any]:  # fmt: skip
        session = context.session(request)

        def graph() -> Graph:
            if not film:
                raise GagavatarError("There is no film: upload one, or record one")
            source = source_of(context, session, driven_by, motion, driver, voice)
            options = AnimateOptions(seconds=_length(context, session, film), text=text)
            return reexpress(context.driver(session, film), source, eyes, mouth, keep, options)

        yield from stage.run(session, graph)

    stage.wire((stage.start, on_start, [film, *driver.inputs, eyes, mouth, keep], "reexpress"))


def _length(context: Context, session: Session, film: str) -> float:
    """Seconds of a film, within the limit, so that a built-in motion lasts as long."""
    from ...media.video_reader import VideoReader

    with VideoReader(context.gate.admit(film, session.key)) as video:
        return min(video.duration or context.limits.seconds, context.limits.seconds)
