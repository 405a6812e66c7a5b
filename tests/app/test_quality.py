"""The fold under the result."""

import pytest

from gagavatar_nodes.app.executor import execute
from gagavatar_nodes.app.graphs import AnimateOptions, Source, animate
from gagavatar_nodes.app.reports import Report
from gagavatar_nodes.errors import GagavatarError

pytest.importorskip("gradio")
from gagavatar_nodes.app.tabs import quality


def graph(**options):
    chosen = AnimateOptions(width=256, height=256, seconds=1.5, **options)
    return animate(Source("example"), Source("builtin", "talk"), chosen)


def test_result_of_animate_is_measured_where_it_was_made(session, program):
    measured = quality.measuring(graph())
    outputs = execute(measured, program, session.results, wanted=["measure"])
    lines = outputs["measure"][0][0].splitlines()
    assert lines[0].startswith("Jitter: ")
    assert lines[1].startswith("Expression: ")
    assert float(lines[1].split()[1]) > 0.3, lines


class Answers:
    """Stands where the page's context is; its job answers at once."""

    @property
    def workers(self):
        return self

    def run(self, session, graph, wanted):
        assert wanted == ["measure"]
        yield Report(outputs={"measure": [["Jitter: 1\nExpression: 2"]]})


def test_what_is_no_head_alone_is_refused(session):
    with pytest.raises(GagavatarError, match="switch it off under Settings"):
        quality.measuring(graph(compare=True))
    with pytest.raises(GagavatarError, match="Only videos that Animate makes"):
        quality.measuring({"a": {"class_type": "LoadImage", "inputs": {}}})
    with pytest.raises(GagavatarError, match="press Animate first"):
        list(quality._measure(Answers(), session))


def test_newest_result_is_measure(session):
    quality.remember(session, graph())
    assert list(quality._measure(Answers(), session))[-1] == "- Jitter&#58; 1\n- Expression&#58; 2"
