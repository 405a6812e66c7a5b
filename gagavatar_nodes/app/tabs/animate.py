"""Portrait and driver to a video."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from ...errors import GagavatarError
from ..context import Context
from ..executor import Graph
from ..graphs import RESULT, AnimateOptions, animate, as_page, with_uploads
from ..sessions import Session
from ..workflows import read_workflow
from . import quality, settings
from .driver import Driver, source_of
from .parts import MEDIA, saver
from .settings import BACKGROUNDS
from .stage import Stage


@dataclass(frozen=True)
class Inputs:
    """The tab's inputs, in the order in which Gradio hands them over."""

    portrait: str | None
    driven_by: str
    motion: str
    driver: str | None
    voice: str | None
    text: str
    width: float
    height: float
    background: str
    color: str
    background_file: str | None
    compare: bool
    expression: float
    head_pose: float
    smoothing: float
    seconds: float
    format: str
    model: str
    tracker: str
    pose: str = "auto"
    portrait_person: str | None = None
    driver_person: str | None = None

    def graph(self, context: Context, session: Session) -> Graph:
        """Return the graph that these inputs ask for.

        Raises:
            GagavatarError: an input is missing, too large or contradicts another.
        """
        portrait = context.portrait(session, self.portrait)
        driver = source_of(context, session, self.driven_by, self.motion, self.driver, self.voice)
        background = BACKGROUNDS[self.background]
        behind = None
        if background == "image":
            if not self.background_file:
                raise GagavatarError("The background is a picture, but there is none: upload it under Settings")
            behind = context.take_in(session, self.background_file)
        if background == "transparent" and self.format == "mp4":
            raise GagavatarError("MP4 cannot be transparent: choose the format webm, mov or gif under Settings")
        if max(self.width, self.height) > context.limits.edge:
            raise GagavatarError(
                f"At most {context.limits.edge} pixels a side are rendered here: choose a smaller size"
            )
        if self.seconds > context.limits.seconds:
            raise GagavatarError(f"At most {context.limits.seconds:g} s are rendered here: choose fewer seconds")
        look = AnimateOptions(
            int(self.width), int(self.height), background, _hex(self.color), behind, self.compare, self.expression,
            self.head_pose, self.smoothing, self.seconds, self.format, self.model, self.tracker,
            self.pose, self.text, self._person(context, session, self.portrait_person),
            self._person(context, session, self.driver_person),
        )  # fmt: skip
        return animate(portrait, driver, look)

    @staticmethod
    def _person(context: Context, session: Session, picture: str | None) -> str | None:
        return context.take_in(session, picture) if picture else None


def build(context: Context, portrait: gr.Image, tab: gr.Tab) -> None:
    """Lay the tab out."""

    def on_living(request: gr.Request, *values: Any) -> str:
        session = context.session(request)
        graph = as_page(Inputs(*values).graph(context, session))
        *_, last = context.workers.run(session, graph, [RESULT])
        return str(session.folder / "output" / (last.outputs or {})[RESULT][0][0])

    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            driver = Driver(context)
            look = settings.build(context, driver.driven_by)
        with gr.Column(scale=1, min_width=300):
            stage = Stage(context, "Animate", "animate", label="Example of a result", value=str(MEDIA / "welcome.mp4"))
            inputs = [portrait, *driver.inputs, *look]
            with stage.files:
                saver("Download living avatar", "living", on_living, inputs)
            quality.build(context)
            with gr.Accordion("Run a ComfyUI workflow", open=False):
                gr.Markdown(
                    "A workflow made of this package's nodes. Its *Load Image*, *Load Video* and *Load Audio* take the "
                    "portrait, the driving video and the voice of this page."
                )
                dropped = gr.File(label="Workflow (.json)", file_types=[".json"], height=110, elem_id="dropped")
                run_dropped = gr.Button("Run workflow", elem_id="run-workflow")

    def on_animate(request: gr.Request, *values: Any) -> Iterator[Any]:
        session = context.session(request)
        yield from stage.run(session, lambda: Inputs(*values).graph(context, session), quality.remember)

    on_animate.__signature__ = _input_signature()  # type: ignore[attr-defined]

    def on_run(
        request: gr.Request, workflow: str | None, portrait: str | None, driver: str | None, voice: str | None
    ) -> Iterator[Any]:
        session = context.session(request)

        def graph() -> Graph:
            if not workflow:
                raise GagavatarError("There is no workflow: drop a .json file that ComfyUI saved")
            dropped = read_workflow(context.gate.admit(workflow, session.key))
            kinds = {one["class_type"] for one in dropped.values()}
            given = {"LoadImage": portrait, "LoadVideo": driver, "LoadAudio": voice}
            taken = {kind: context.take_in(session, one) for kind, one in given.items() if one and kind in kinds}
            return with_uploads(dropped, *(taken.get(kind) for kind in given))

        yield from stage.run(session, graph, quality.remember)

    stage.wire(
        (stage.start, on_animate, inputs, "animate"),
        (run_dropped, on_run, [dropped, portrait, driver.video, driver.voice], "run_workflow"),
    )


def _input_signature() -> inspect.Signature:
    """Return the signature that gives the parameters of the page's API the names of `Inputs`."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = [field.name for field in fields(Inputs)]
    request = inspect.Parameter("request", kind, annotation=gr.Request)
    return inspect.Signature([request, *(inspect.Parameter(name, kind) for name in names)])


def _hex(color: str) -> str:
    """`#rrggbb` of what Gradio's color picker gives, which may be `rgba(r, g, b, a)`."""
    if not color.startswith("rgb"):
        return color
    numbers = color[color.index("(") + 1 : color.index(")")].split(",")[:3]
    return "#" + "".join(f"{min(255, max(0, round(float(number)))):02x}" for number in numbers)
