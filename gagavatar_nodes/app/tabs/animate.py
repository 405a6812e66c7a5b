"""Portrait and driver to a video."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gradio as gr

from ...driving.builtin import BUILTIN_NAMES
from ...errors import GagavatarError
from ..context import EXAMPLE_DRIVER, EXAMPLE_VOICE, JOBS, Context, show_errors
from ..executor import Graph
from ..graphs import RESULT, AnimateOptions, Source, animate, as_page, with_uploads
from ..jobs import Report, run_job
from ..sessions import CanceledError, Session
from ..workflows import note_for, read_workflow, to_ui
from . import quality, settings
from .parts import MEDIA, saver, tiles
from .settings import BACKGROUNDS, BUILTIN, VIDEO, VOICE

_PLAYED, _PICTURES = (".mp4", ".webm"), (".gif", ".png", ".jpg", ".webp")
"""What browsers show of itself, as a film and as a picture."""
_READY = "Ready: press **Animate**."
_STAGE = 420
"""Pixels of height of the result, and of the preview that stands in its place."""
_MOTIONS = {name: name.replace("_", " ").capitalize() for name in BUILTIN_NAMES}


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
        driver = self._driver(context, session)
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

    def _driver(self, context: Context, session: Session) -> Source:
        if self.driven_by == BUILTIN:
            return Source("builtin", self.motion)
        if self.driven_by == VOICE:
            return context.voice(session, self.voice)
        return context.driver(session, self.driver)


def build(context: Context, portrait: gr.Image, tab: gr.Tab) -> None:
    """Lay the tab out."""

    def on_living(request: gr.Request, *values: Any) -> str:
        session = context.session(request)
        with show_errors():
            graph = as_page(Inputs(*values).graph(context, session))
            reports = list(run_job(session, graph, [RESULT]))
        written = (reports[-1].outputs or {})[RESULT][0][0]
        return str(session.program(lambda done, total, picture: None).output / written)

    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            driven_by = gr.Radio([BUILTIN, VIDEO, VOICE], value=BUILTIN, label="What moves it", elem_id="driven-by")
            motion = tiles(_MOTIONS, "talk", "Motion", "motion")
            with gr.Column(visible=False) as filmed:
                driver = gr.Video(
                    label="Driving video", value=context.example(EXAMPLE_DRIVER),
                    height=300, sources=["upload", "webcam"], elem_id="driver",
                    webcam_options=gr.WebcamOptions(mirror=False),
                )  # fmt: skip
                drivers = tiles({"driver": "Speaking woman"}, "driver", "Or this one", "drivers")
            with gr.Column(visible=False) as spoken:
                voice = gr.Audio(
                    label="Voice: speech of any language", value=context.example(EXAMPLE_VOICE), type="filepath",
                    sources=["upload", "microphone"], elem_id="voice",
                )  # fmt: skip
                text = gr.Textbox(
                    label="What is said", placeholder="English; may stay empty", elem_id="text",
                    info="Where it is known, lips keep to it more closely.",
                )  # fmt: skip
            look = settings.build(context, driven_by)
        with gr.Column(scale=1, min_width=300):
            with gr.Row():
                start = gr.Button("Animate", variant="primary", elem_id="animate", scale=3)
                stop = gr.Button("Stop", elem_id="stop", scale=1)
            status = gr.Markdown(_READY, elem_id="status")
            with gr.Column(elem_id="stage"):
                preview = gr.Image(
                    label="Preview", visible=False, interactive=False, height=_STAGE, format="jpeg", elem_id="preview"
                )
                result = gr.Video(
                    label="Example of a result", value=str(MEDIA / "welcome.mp4"), interactive=False,
                    height=_STAGE, autoplay=True, loop=True, elem_id="result", buttons=["download"],
                )  # fmt: skip
            with gr.Row(equal_height=True):
                download = gr.DownloadButton("Download", interactive=False, elem_id="download", min_width=120)
                workflow = gr.DownloadButton("ComfyUI workflow", interactive=False, elem_id="workflow", min_width=120)
                inputs = [portrait, driven_by, motion, driver, voice, text, *look]
                saver("Download living avatar", "living", on_living, inputs)
            quality.build(context)
            with gr.Accordion("Run a ComfyUI workflow", open=False):
                gr.Markdown(
                    "A workflow made of this package's nodes. Its *Load Image*, *Load Video* and *Load Audio* take the "
                    "portrait, the driving video and the voice of this page."
                )
                dropped = gr.File(label="Workflow (.json)", file_types=[".json"], height=110, elem_id="dropped")
                run_dropped = gr.Button("Run workflow", elem_id="run-workflow")
    outputs = [status, preview, result, download, workflow]

    def on_animate(request: gr.Request, *values: Any) -> Iterator[Any]:
        session = context.session(request)
        with show_errors():
            graph = Inputs(*values).graph(context, session)
            yield from _running(session, graph)

    on_animate.__signature__ = _input_signature()  # type: ignore[attr-defined]

    def on_run(
        request: gr.Request, workflow: str | None, portrait: str | None, driver: str | None, voice: str | None
    ) -> Iterator[Any]:
        session = context.session(request)
        with show_errors():
            if not workflow:
                raise GagavatarError("There is no workflow: drop a .json file that ComfyUI saved")
            graph = read_workflow(context.gate.admit(workflow, session.key))
            context.limits.check_graph(graph)
            kinds = {one["class_type"] for one in graph.values()}
            given = {"LoadImage": portrait, "LoadVideo": driver, "LoadAudio": voice}
            taken, followed, heard = (
                context.take_in(session, upload) if upload and kind in kinds else None for kind, upload in given.items()
            )
            yield from _running(session, with_uploads(graph, taken, followed, heard))

    def on_stop(request: gr.Request) -> str:
        context.session(request).canceled.set()
        return "Stopping …"

    driven_by.change(
        lambda choice: tuple(gr.update(visible=choice == one) for one in (BUILTIN, VIDEO, VOICE)),
        driven_by, [motion, filmed, spoken], queue=False, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    shown: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    drivers.input(lambda _: context.example(EXAMPLE_DRIVER), drivers, driver, **shown)
    gr.on([driver.upload, driver.clear], lambda: None, None, drivers, **shown)
    queued = {"concurrency_id": JOBS, "concurrency_limit": 1, "show_progress": "hidden"}
    for made in (
        start.click(on_animate, inputs, outputs, api_name="animate", **queued),
        run_dropped.click(on_run, [dropped, portrait, driver, voice], outputs, api_name="run_workflow", **queued),
    ):
        made.success(lambda: gr.update(label="Result"), None, result, **shown)
    stop.click(on_stop, None, status, queue=False, show_progress="hidden", api_visibility="private")


def _input_signature() -> inspect.Signature:
    """Return the signature that gives the parameters of the page's API the names of `Inputs`."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = [field.name for field in fields(Inputs)]
    request = inspect.Parameter("request", kind, annotation=gr.Request)
    return inspect.Signature([request, *(inspect.Parameter(name, kind) for name in names)])


def _running(session: Session, graph: Graph) -> Iterator[Any]:
    """Updates of status, preview, result, download and workflow while a graph runs."""
    heard = any("audio" in one["inputs"] for one in graph.values())
    yield "Starting …", gr.skip(), gr.update(loop=not heard), gr.skip(), gr.skip()
    shown = None
    hidden = gr.update(visible=False)
    try:
        for report in run_job(session, graph):
            if report.outputs is not None:
                yield _results(session, graph, report)
                return
            fresh = report.picture is not None and report.picture is not shown
            shown = report.picture
            picture = gr.update(value=shown, label="Preview", visible=True) if fresh else gr.skip()
            yield report.line, picture, gr.skip(), gr.skip(), gr.skip()
    except CanceledError:
        yield "Stopped. " + _READY, hidden, gr.skip(), gr.skip(), gr.skip()
    except GagavatarError:
        yield _READY, hidden, gr.skip(), gr.skip(), gr.skip()
        raise


def _results(session: Session, graph: Graph, report: Report) -> tuple[Any, ...]:
    path = _written(graph, report)
    quality.remember(session, graph)
    document = session.folder / "output" / "gagavatar_workflow.json"
    document.write_text(json.dumps(to_ui(graph, note_for(graph)), indent=1), encoding="utf-8")
    saved = gr.update(value=str(document), interactive=True)
    hidden = gr.update(visible=False)
    if path is None:
        return "Done.", hidden, None, gr.update(interactive=False), saved
    got = gr.update(value=str(path), interactive=True)
    if path.suffix in _PLAYED:
        return "Done.", hidden, str(path), got, saved
    if path.suffix in _PICTURES:
        return "Done.", gr.update(value=str(path), label=path.name, visible=True), None, got, saved
    return f"Done. Browsers do not show {path.suffix}: download it.", hidden, None, got, saved


def _written(graph: Graph, report: Report) -> Path | None:
    """Return the video of the job: its `render` node's, else the last file that a node wrote."""
    outputs = report.outputs or {}
    if RESULT in outputs:
        return Path(outputs[RESULT][1][0])
    found = [value for id_ in outputs for values in outputs[id_] for value in values if isinstance(value, str)]
    files = [Path(value) for value in found if value.startswith("/") or ":" in value[:3]]
    return next((file for file in reversed(files) if file.is_file()), None)


def _hex(color: str) -> str:
    """`#rrggbb` of what Gradio's color picker gives, which may be `rgba(r, g, b, a)`."""
    if not color.startswith("rgb"):
        return color
    numbers = color[color.index("(") + 1 : color.index(")")].split(",")[:3]
    return "#" + "".join(f"{min(255, max(0, round(float(number)))):02x}" for number in numbers)
