"""Runs a graph in a thread and reports on it while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..background import Task
from . import zero_gpu
from .executor import Graph, Outputs, execute, title
from .sessions import Session

_REPORT_SECONDS = 0.25
_JOIN_SECONDS = 2.0
_MODEL_NODE = "GAGAvatarLoadAvatarModel"


@dataclass
class Report:
    """How far a job has come."""

    stage: str = "Waiting"
    done: int = 0
    total: int | None = None
    picture: np.ndarray | None = None
    """[H, W, 3 or 4] uint8, the newest preview."""
    seconds_left: float | None = None
    """Of this stage; None where nobody knows."""
    outputs: dict[str, Outputs] | None = None
    """The results, in the last report only."""

    @property
    def line(self) -> str:
        """In words."""
        if self.total is None or self.total < 2:
            return f"{self.stage} …"
        left = "" if self.seconds_left is None else f", about {max(1, round(self.seconds_left))} s left"
        return f"{self.stage}: {self.done} of {self.total} frames{left}"


@dataclass
class _State:
    report: Report = field(default_factory=Report)
    began: float = field(default_factory=time.monotonic)


def run_job(session: Session, graph: Graph, wanted: list[str] | None = None) -> Iterator[Report]:
    """Report a few times a second; the last one holds the outputs. Closing the iterator stops the job.

    Where a GPU is lent for it, of the outputs only texts come back, such as the names of files.

    Raises:
        CanceledError: the user has stopped it.
        GagavatarError: what a node raised.
    """
    session.canceled.clear()
    if not (zero_gpu.is_here() and uses_network(graph)):
        yield from _run_here(session, graph, wanted)
        return
    for report in _run_with_gpu(session.folder, graph, wanted):
        session.check_canceled()
        yield report


def uses_network(graph: Graph) -> bool:
    """Whether the published network takes part in a graph."""
    from .. import settings

    asked = {node["inputs"].get("model") for node in graph.values() if node["class_type"] == _MODEL_NODE}
    return settings.availability(settings.Settings())[0] and "embedded" not in asked


@zero_gpu.with_gpu
def _run_with_gpu(folder: Path, graph: Graph, wanted: list[str] | None) -> Iterator[Report]:
    """In another process: what the visitor's session keeps is not there, and stays as it is."""
    for report in _run_here(Session(folder), graph, wanted):
        outputs = report.outputs
        if outputs is not None:
            texts = [[[v if isinstance(v, str) else None for v in slot] for slot in node] for node in outputs.values()]
            outputs = dict(zip(outputs, texts, strict=True))
        yield replace(report, outputs=outputs)


def _run_here(session: Session, graph: Graph, wanted: list[str] | None) -> Iterator[Report]:
    state = _State()

    def show(done: int, total: int | None, picture: np.ndarray | None) -> None:
        report, seconds = state.report, time.monotonic() - state.began
        left = seconds / done * (total - done) if total and done else None
        report.done, report.total, report.seconds_left = done, total, left
        if picture is not None:
            report.picture = picture

    def on_node(_: str, kind: str) -> None:
        state.report = Report(title(kind), picture=state.report.picture)
        state.began = time.monotonic()

    task = Task(lambda: execute(graph, session.program(show), session.results, on_node, wanted), "gagavatar-job")
    try:
        while not task.wait(_REPORT_SECONDS):
            yield state.report
        yield Report("Done", outputs=task.result())
    finally:
        if task.running:
            session.canceled.set()
            task.wait(_JOIN_SECONDS)
