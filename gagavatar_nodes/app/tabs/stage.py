"""Where a graph runs: its button, what is said, the preview, the result and the files that are left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from .. import words
from ..context import JOBS, Context
from ..executor import Graph
from ..graphs import RESULT
from ..reports import Report
from ..sessions import CanceledError, Session
from ..words import ToldError
from ..workflows import note_for, to_ui
from .parts import QUIET

_PLAYED, _PICTURES = (".mp4", ".webm"), (".gif", ".png", ".jpg", ".webp")
"""What browsers show of itself, as a film and as a picture."""
_HEIGHT = 420
"""Pixels of the result, and of the preview that stands in its place."""
_FAILED = "**That did not work.** The message beside says why."
_ON, _OFF = gr.update(interactive=True), gr.update(interactive=False)


class Stage:
    """The place for one result at a time."""

    start: gr.Button
    files: gr.Row
    """In which a tab may put more to download."""

    def __init__(self, context: Context, button: str, name: str, prefix: str = "", **result: Any) -> None:
        """Lay it out where this is called.

        Args:
            context: what the tabs share.
            button: that starts, its label.
            name: its id.
            prefix: of the other ids.
            result: what else `gr.Video` is to know of the result.
        """
        self._context, self._ready = context, f"Ready: press **{button}**."
        with gr.Row():
            self.start = gr.Button(button, variant="primary", elem_id=name, scale=3)
            self._stop = gr.Button("Stop", elem_id=f"{prefix}stop", scale=1, interactive=False)
        self._status = gr.Markdown(self._ready, elem_id=f"{prefix}status", elem_classes="status")
        with gr.Column(elem_classes="stage"):
            self._preview = gr.Image(
                label="Preview", visible=False, interactive=False, height=_HEIGHT, format="jpeg",
                elem_id=f"{prefix}preview", elem_classes="preview", buttons=[],
            )  # fmt: skip
            self._result = gr.Video(
                interactive=False, height=_HEIGHT, autoplay=True, loop=True, elem_id=f"{prefix}result",
                elem_classes="result", buttons=["download"], **result,
            )  # fmt: skip
        with gr.Row(equal_height=True) as self.files:
            self._download = gr.DownloadButton(
                "Download", interactive=False, elem_id=f"{prefix}download", min_width=120
            )
            self._workflow = gr.DownloadButton(
                "ComfyUI workflow", interactive=False, elem_id=f"{prefix}workflow", min_width=120
            )

    def wire(self, *starts: tuple[gr.Button, Callable[..., Iterator[Any]], Sequence[Any], str]) -> None:
        """Connect the buttons that start something: each with its function, its inputs and its name in the API."""
        self._starters = [button for button, *_ in starts]
        outputs = [self._status, self._preview, self._result, self._download, self._workflow]
        outputs += [*self._starters, self._stop]
        limit = self._context.job_calls
        queued = {"concurrency_id": JOBS, "concurrency_limit": limit, "show_progress": "hidden"}
        for button, run, given, name in starts:
            made = button.click(run, given, outputs, api_name=name, **queued)
            made.success(self._on_success, None, self._result, **QUIET)
            made.failure(self._on_failure, None, outputs, **QUIET)
        self._stop.click(self._on_stop, None, [self._status, self._stop], **QUIET)

    def run(
        self, session: Session, make: Callable[[], Graph], done: Callable[[Session, Graph], None] | None = None
    ) -> Iterator[Any]:
        """Yield updates of the outputs while a graph is made and runs; whatever happens, they say how it ended."""
        session.values.pop("told", None)
        starters = len(self._starters)
        yield "Starting …", *[gr.skip()] * 4, *[_OFF] * starters, _ON
        shown = line = None
        try:
            session.tidy(self._context.limits.visitor_bytes)
            graph = make()
            heard = any("audio" in one["inputs"] for one in graph.values())
            yield gr.skip(), gr.skip(), gr.update(loop=not heard), *[gr.skip()] * (3 + starters)
            for report in self._context.workers.run(session, graph):
                if report.outputs is not None:
                    if done is not None:
                        done(session, graph)
                    yield (*_results(session, graph, report), *self._at_rest())
                    return
                fresh = report.picture is not None and report.picture is not shown
                if fresh or report.line != line:
                    shown, line = report.picture, report.line
                    picture = gr.update(value=shown, label="Preview", visible=True) if fresh else gr.skip()
                    yield line, picture, *[gr.skip()] * (4 + starters)
        except CanceledError:
            yield self._ended(f"Stopped. {self._ready}")
        except Exception as error:
            told = ToldError(words.explain(error, self._context.may_download))
            session.values["told"] = True
            yield self._ended(f"**That did not work.** {words.as_markdown(str(told))}")
            raise told from error

    def _at_rest(self) -> tuple[Any, ...]:
        return (*[_ON] * len(self._starters), _OFF)

    def _ended(self, line: Any) -> tuple[Any, ...]:
        return (line, gr.update(visible=False), gr.skip(), gr.skip(), gr.skip(), *self._at_rest())

    def _on_stop(self, request: gr.Request) -> tuple[str, Any]:
        self._context.session(request).stop()
        return "Stopping …", _OFF

    def _on_success(self, request: gr.Request) -> Any:
        """Call what is shown a result, unless the job was stopped; apart from the values that the API gives."""
        made = self._context.session(request).values.pop("made", False)
        return gr.update(label="Result") if made else gr.skip()

    def _on_failure(self, request: gr.Request) -> tuple[Any, ...]:
        """Say so where a call failed before its work began."""
        told = self._context.session(request).values.pop("told", False)
        return self._ended(gr.skip() if told else _FAILED)


def _results(session: Session, graph: Graph, report: Report) -> tuple[Any, ...]:
    path = _written(report)
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


def _written(report: Report) -> Path | None:
    """Return the video of the job: its `render` node's, else the last file that a node wrote."""
    outputs = report.outputs or {}
    if RESULT in outputs:
        return Path(outputs[RESULT][1][0])
    found = [value for id_ in outputs for values in outputs[id_] for value in values if isinstance(value, str)]
    files = [Path(value) for value in found if value.startswith("/") or ":" in value[:3]]
    return next((file for file in reversed(files) if file.is_file()), None)
