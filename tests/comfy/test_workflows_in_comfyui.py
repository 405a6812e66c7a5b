"""Every example graph in the real frontend and the real server."""

from pathlib import Path

import numpy as np
import pytest

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


def check(path):
    """Pictures and films have a size, and something on them that moves."""
    from gagavatar_nodes.media.video_reader import VideoReader

    if path.suffix not in (".mp4", ".webm", ".webp", ".png"):
        assert path.stat().st_size > 10_000
        return
    with VideoReader(path) as video:
        frames = [frame for frame, _ in zip(video, range(30), strict=False)]
    assert min(video.size) >= 256
    assert frames[0].std() > 10
    if path.suffix != ".png":
        assert len(frames) > 20
        assert np.abs(frames[0].astype(int) - frames[15]).mean() > 0.2
