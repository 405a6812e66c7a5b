"""A fold under the result with the numbers that need no truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from ...errors import GagavatarError
from ..context import JOBS, Context
from ..executor import Graph, is_link
from ..measuring import MEASURE
from ..sessions import CanceledError, Session
from ..words import as_markdown, plain

_KEY, _NODE = "measured graph", "measure"
_RENDER, _LIFT = "GAGAvatarRenderAvatarToVideo", "GAGAvatarLiftPortrait"
_ABOUT = "Press **Measure** after a result: does it tremble, is it still the portrait, does the face do as it was told?"


def build(context: Context) -> None:
    """Lay the fold out."""
    with gr.Accordion("How good is it", open=False, elem_id="quality"):
        told = gr.Markdown(_ABOUT, elem_id="quality-numbers")
        measure = gr.Button("Measure", elem_id="measure")

    def on_measure(request: gr.Request) -> Iterator[str]:
        yield from _measure(context, context.session(request))

    measure.click(
        on_measure, None, told, concurrency_id=JOBS, concurrency_limit=context.job_calls, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip


def remember(session: Session, graph: Graph) -> None:
    """Keep the graph of the newest result."""
    with session.lock:
        session.values[_KEY] = graph


def measuring(graph: Graph) -> Graph:
    """Return the graph with a node `measure` behind its result.

    Raises:
        GagavatarError: its result is no head alone, made from a portrait.
    """
    render = next((id_ for id_, one in graph.items() if one["class_type"] == _RENDER), None)
    inputs = {} if render is None else graph[render]["inputs"]
    portrait = _portrait_of(graph, inputs.get("avatar"))
    if portrait is None or not is_link(inputs.get("motion")):
        raise GagavatarError("Only videos that Animate makes of a portrait are measured")
    if {"beside_portrait", "beside_driver"} & set(inputs):
        raise GagavatarError("A comparison shows more than one face: switch it off under Settings and animate again")
    values: dict[str, Any] = {"file": [render, 1], "motion": inputs["motion"], "portrait": portrait}
    return {**graph, _NODE: {"class_type": MEASURE, "inputs": values}}


def _portrait_of(graph: Graph, avatar: Any) -> Any:
    """Return the link from which an avatar's portrait comes; None where it is not lifted in this graph."""
    lift = graph.get(avatar[0]) if is_link(avatar) else None
    return lift["inputs"].get("portrait") if lift and lift["class_type"] == _LIFT else None


def _measure(context: Context, session: Session) -> Iterator[str]:
    graph = session.values.get(_KEY)
    if graph is None:
        raise GagavatarError("There is no result yet: press Animate first")
    yield "Measuring …"
    try:
        for report in context.workers.run(session, measuring(graph), [_NODE]):
            if report.outputs is not None:
                lines = str(report.outputs[_NODE][0][0]).splitlines()
                yield "\n".join(f"- {as_markdown(plain(line))}" for line in lines)
                return
            yield report.line
    except CanceledError:
        yield _ABOUT
