"""Every example graph in the real frontend and the real server, with the beginning of the bundled film and voice.

All of a film is made of a graph in test_app_workflow.py.
"""

from pathlib import Path

import pytest

from comfy_prompts import check, shorten

ROOT = Path(__file__).parents[2]
TRACKS = "GAGAvatarExtractDriving"
GRAPHS = sorted((ROOT / "workflows").glob("*.json"), key=lambda path: (TRACKS not in path.read_text(), path.stem))
"""Those that track a film come after each other: it is the same one, and ComfyUI knows it from one to the next."""
NEEDS_WEIGHTS = "10_gagavatar_with_weights"


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda path: path.stem)
def test_a_graph_opens_and_runs(server, editor, graph):
    with editor(graph) as page:
        assert page.missing == []
        shorten(page)
        prompt = page.prompt
        before = set(server.files())
        run = server.run(prompt)
        if graph.stem == NEEDS_WEIGHTS:
            assert "is missing" in run.problems[0]
            return
        assert run.problems == []
        page.show_results(server)
    made = [path for path in server.files() if path not in before]
    assert made
    for path in made:
        check(path)
