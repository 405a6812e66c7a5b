"""Every example graph in the real frontend and the real server."""

from pathlib import Path

import pytest

from comfy_prompts import check

ROOT = Path(__file__).parents[2]
GRAPHS = sorted((ROOT / "workflows").glob("*.json"))
NEEDS_WEIGHTS = "10_gagavatar_with_weights"


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda path: path.stem)
def test_a_graph_opens_and_runs(server, chromium, graph):
    from server import Page

    page = Page(chromium, server, graph)
    try:
        prompt = page.prompt
        assert page.missing == []
        before = set(server.files())
        run = server.run(prompt)
        if graph.stem == NEEDS_WEIGHTS:
            assert "is missing" in run.problems[0]
            return
        assert run.problems == []
        page.show_results(server)
        assert page.errors == []
    finally:
        page.close()
    made = [path for path in server.files() if path not in before]
    assert made
    for path in made:
        check(path)
