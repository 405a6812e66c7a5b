"""What the demo offers as a ComfyUI workflow opens in the real editor and runs in the real server."""

import json
import shutil

import pytest

from comfy_prompts import check
from gagavatar_nodes.app.graphs import AnimateOptions, Source, animate, expression, splat
from gagavatar_nodes.app.workflows import note_for, to_ui
from gagavatar_nodes.assets import path as asset
from synthetic import DRIVER

SMALL = {"width": 256, "height": 256}
UPLOADS = Source("file", "me.jpg"), Source("file", "drive.mp4")
GRAPHS = {
    "built-in motion": animate(Source("example"), Source("builtin", "nod"), AnimateOptions(seconds=1.0, **SMALL)),
    "example driver": animate(
        Source("example"), Source("example"), AnimateOptions(compare=True, expression=1.2, **SMALL)
    ),
    "uploads, put back": animate(*UPLOADS, AnimateOptions(background="original", seconds=1.5, **SMALL)),
    "uploads, transparent": animate(
        *UPLOADS, AnimateOptions(background="transparent", format="webm", seconds=1.5, **SMALL)
    ),
    "sliders": expression(Source("example"), {"jawOpen": 0.6, "yaw": 12.0}),
    "splat": splat(Source("example")),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_downloaded_workflow_opens_and_runs(server, editor, tmp_path, name):
    shutil.copyfile(asset("example_portrait.jpg"), server.base / "input" / "me.jpg")
    shutil.copyfile(DRIVER, server.base / "input" / "drive.mp4")
    graph = GRAPHS[name]
    document = tmp_path / "gagavatar_workflow.json"
    document.write_text(json.dumps(to_ui(graph, note_for(graph))), encoding="utf-8")
    with editor(document) as page:
        assert page.missing == []
        prompt = page.prompt
    before = set(server.files())
    run = server.run(prompt)
    assert run.problems == []
    (made,) = (path for path in server.files() if path not in before)
    check(made)
