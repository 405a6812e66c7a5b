"""Portrait and driver to a video."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gradio as gr

from ...driving.builtin import BUILTIN_NAMES
from ...errors import GagavatarError
from .. import words
from ..context import EXAMPLE_DRIVER, EXAMPLE_VOICE, JOBS, Context
from ..executor import Graph
from ..graphs import RESULT, AnimateOptions, Source, animate, as_page, with_uploads
from ..reports import Report
from ..sessions import CanceledError, Session
from ..words import ToldError
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
_FAILED = "**That did not work.** The message beside says why."
_ON, _OFF = gr.update(interactive=True), gr.update(interactive=False)
_AT_REST = (_ON, _ON, _OFF)
"""Of Animate, Run workflow and Stop."""


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
        graph = as_page(Inputs(*values).graph(context, session))
        *_, last = context.workers.run(session, graph, [RESULT])
        return str(session.folder / "output" / (last.outputs or {})[RESULT][0][0])

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
                stop = gr.Button("Stop", elem_id="stop", scale=1, interactive=False)
            status = gr.Markdown(_READY, elem_id="status")
            with gr.Column(elem_id="stage"):
                preview = gr.Image(
                    label="Preview",
                    visible=False,
                    interactive=False,
                    height=_STAGE,
                    format="jpeg",
                    elem_id="preview",
                    buttons=[],
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
    outputs = [status, preview, result, download, workflow, start, run_dropped, stop]

    def on_animate(request: gr.Request, *values: Any) -> Iterator[Any]:
        session = context.session(request)
        yield from _running(context, session, lambda: Inputs(*values).graph(context, session))

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

        yield from _running(context, session, graph)

    def on_stop(request: gr.Request) -> tuple[str, Any]:
        context.session(request).stop()
        return "Stopping …", _OFF

    def on_success(request: gr.Request) -> Any:
        """Call what is shown a result, unless the job was stopped; apart from the values that the API gives."""
        made = context.session(request).values.pop("made", False)
        return gr.update(label="Result") if made else gr.skip()

    def on_failure(request: gr.Request) -> tuple[Any, ...]:
        """Say so where a call failed before its work began."""
        told = context.session(request).values.pop("told", False)
        return (gr.skip() if told else _FAILED, gr.update(visible=False), gr.skip(), gr.skip(), gr.skip(), *_AT_REST)

    driven_by.change(
        lambda choice: tuple(gr.update(visible=choice == one) for one in (BUILTIN, VIDEO, VOICE)),
        driven_by, [motion, filmed, spoken], queue=False, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    shown: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    drivers.input(lambda _: context.example(EXAMPLE_DRIVER), drivers, driver, **shown)
    gr.on([driver.upload, driver.clear], lambda: None, None, drivers, **shown)
    queued = {"concurrency_id": JOBS, "concurrency_limit": context.job_calls, "show_progress": "hidden"}
    for button, run, given, name in (
        (start, on_animate, inputs, "animate"),
        (run_dropped, on_run, [dropped, portrait, driver, voice], "run_workflow"),
    ):
        made = button.click(run, given, outputs, api_name=name, **queued)
        made.success(on_success, None, result, **shown)
        made.failure(on_failure, None, outputs, **shown)
    stop.click(on_stop, None, [status, stop], **shown)


def _input_signature() -> inspect.Signature:
    """Return the signature that gives the parameters of the page's API the names of `Inputs`."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = [field.name for field in fields(Inputs)]
    request = inspect.Parameter("request", kind, annotation=gr.Request)
    return inspect.Signature([request, *(inspect.Parameter(name, kind) for name in names)])


def _running(context: Context, session: Session, make: Callable[[], Graph]) -> Iterator[Any]:
    """Updates of the outputs while a graph is made and runs; whatever happens, they say how it ended."""
    session.values.pop("told", None)
    yield "Starting …", *[gr.skip()] * 4, _OFF, _OFF, _ON
    shown = line = None
    try:
        session.tidy(context.limits.visitor_bytes)
        graph = make()
        heard = any("audio" in one["inputs"] for one in graph.values())
        yield gr.skip(), gr.skip(), gr.update(loop=not heard), *[gr.skip()] * 5
        for report in context.workers.run(session, graph):
            if report.outputs is not None:
                yield (*_results(session, graph, report), *_AT_REST)
                return
            fresh = report.picture is not None and report.picture is not shown
            if fresh or report.line != line:
                shown, line = report.picture, report.line
                picture = gr.update(value=shown, label="Preview", visible=True) if fresh else gr.skip()
                yield line, picture, *[gr.skip()] * 6
    except CanceledError:
        yield _ended("Stopped. " + _READY)
    except Exception as error:
        told = ToldError(words.explain(error, context.may_download))
        session.values["told"] = True
        yield _ended(f"**That did not work.** {words.as_markdown(str(told))}")
        raise told from error


def _ended(line: str) -> tuple[Any, ...]:
    return (line, gr.update(visible=False), gr.skip(), gr.skip(), gr.skip(), *_AT_REST)


def _results(session: Session, graph: Graph, report: Report) -> tuple[Any, ...]:
    path = _written(graph, report)
    quality.remember(session, graph)
    session.values["made"] = True
    document = session.folder / "output" / "gagavatar_workflow.json"
    document.write_text(json.dumps(to_ui(graph, note_for(graph)), indent=1), encoding="utf-8")
    saved = gr.update(value=str(document), interactive=True)
    hidden = gr.update(visible=False)
    done = " ".join(["Done.", *(words.as_markdown(words.plain(warning)) for warning in report.warnings)])
    if path is None:
        return done, hidden, None, gr.update(interactive=False), saved
    got = gr.update(value=str(path), interactive=True)
    if path.suffix in _PLAYED:
        return done, hidden, str(path), got, saved
    if path.suffix in _PICTURES:
        return done, gr.update(value=str(path), label=path.name, visible=True), None, got, saved
    return f"{done} Browsers do not show {path.suffix}: download it.", hidden, None, got, saved


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
