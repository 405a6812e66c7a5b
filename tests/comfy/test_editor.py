"""The editor as artists use it: its own button, both ways of drawing nodes, results dropped on the canvas."""

import json
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("websocket")

ROOT = Path(__file__).parents[2]
GRAPHS = ("01_animate_with_a_video", "05_stitch_back", "11_talking_portrait_from_a_voice")


@pytest.fixture(scope="module", params=[False, True], ids=["classic", "nodes2"])
def editor(request, tmp_path_factory):
    from server import Server

    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    settings = {"Comfy.VueNodes.Enabled": request.param}
    comfy = Server(tmp_path_factory.mktemp("editor"), Path(os.environ["COMFYUI_DIR"]), python=python, settings=settings)
    yield comfy
    comfy.stop()


@pytest.mark.parametrize("name", GRAPHS)
def test_no_node_covers_another_after_a_run_from_the_button_and_its_result_brings_the_graph_back(
    editor, chromium, name
):
    from server import Page

    editor.post("/free", {"unload_models": True, "free_memory": True})  # so that every node shows what it does
    before = set(editor.files())
    page = Page(chromium, editor, ROOT / "workflows" / f"{name}.json", (2200, 1400))
    try:
        assert page.click_run(900) == ""
        assert page.overlaps() == []
        kinds = page.page.evaluate("app.graph.nodes.map(n => n.type).sort()")
        made = next(path for path in editor.files() if path not in before and path.suffix == ".mp4")
        query = f"filename={made.name}&subfolder={made.parent.relative_to(editor.base / 'output')}&type=output"
        assert page.drop(f"{editor.url}/view?{query}", made.name) == kinds
        assert page.errors == []
    finally:
        page.close()


def test_a_color_in_words_of_an_older_graph_is_the_same_in_the_editors_own_color_field(editor, chromium, tmp_path):
    from server import Page

    graph = json.loads((ROOT / "workflows" / "03_builtin_motion.json").read_text())
    (render,) = (node for node in graph["nodes"] if node["type"] == "GAGAvatarRenderAvatarToVideo")
    render["widgets_values"][3] = "green"
    (tmp_path / "words.json").write_text(json.dumps(graph))
    page = Page(chromium, editor, tmp_path / "words.json")
    try:
        (kind,) = page.page.evaluate(
            "app.graph.nodes.flatMap(n => n.widgets ?? []).filter(w => w.name == 'background_color').map(w => w.type)"
        )
        (value,) = (node["inputs"]["background_color"] for node in page.prompt.values()
                    if "background_color" in node["inputs"])  # fmt: skip
        assert (kind, value) in (("color", "#008000"), ("text", "green"))
    finally:
        page.close()
