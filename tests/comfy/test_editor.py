"""The editor as artists use it: its own button, both ways of drawing nodes, results dropped on the canvas."""

import json
from pathlib import Path

import pytest

from comfy_prompts import FILM, VOICE, shorten

pytest.importorskip("websocket")

ROOT = Path(__file__).parents[2]
_AROUND = """driver => {
    const [block] = app.graph.nodes, [kind, file] = driver;
    const made = ['GAGAvatarExampleInputs', kind, 'SaveVideo'].map(type => LiteGraph.createNode(type));
    for (const node of made) app.graph.add(node);
    const [example, load, save] = made;
    load.widgets[0].value = file;
    example.connect(0, block, block.inputs.findIndex(i => i.name == 'image'));
    load.connect(0, block, 1);
    block.connect(0, save, 0);
    for (const size of ['width', 'height']) block.widgets.find(w => w.name == size).value = 256;
}"""
FOUND = {
    "animate": "Animate Portrait",
    "talking": "Animate Talking Face by Video",
    "face": "Animate Talking Face by Video",
    "lip sync": "Lip Sync - Animate Talking Face",
}
"""Words for the search box -> what is among its answers, in older versions too, which know names alone."""
LETS_GO_OF_PREVIEWS = "!!app.extensionManager._p?._s?.get('nodeOutput')?.revokePreviewsByLocatorId"
SIZES = {"GAGAvatarRenderAvatar": 2, "GAGAvatarRenderAvatarToVideo": 2, "GAGAvatarStitchBack": 1}
"""How many of a node's values, the first ones, are sizes in pixels."""
GRAPHS = ("01_animate_with_a_video", "05_stitch_back", "11_talking_portrait_from_a_voice")


def small(name, folder):
    """An example graph whose results are small: they come soon, and lie in the nodes as those of its own size do."""
    graph = json.loads((ROOT / "workflows" / f"{name}.json").read_text())
    for node in graph["nodes"]:
        count = SIZES.get(node["type"], 0)
        node["widgets_values"][:count] = [160] * count
    path = folder / f"{name}.json"
    path.write_text(json.dumps(graph))
    return path


@pytest.mark.parametrize("name", GRAPHS)
def test_no_node_covers_another_after_a_run_from_the_button_and_its_result_brings_the_graph_back(
    server, editor, is_vue, tmp_path, name
):
    server.post("/free", {"unload_models": True, "free_memory": True})  # so that every node shows what it does
    before = set(server.files())
    if is_vue:
        editor.close()  # nodes are moved apart for this way of drawing in the first graph of a page alone
    with editor(small(name, tmp_path), (2200, 1400), is_vue) as page:
        shorten(page)
        assert page.click_run(900) == ""
        assert page.overlaps() == []
        kinds = page.page.evaluate("app.graph.nodes.map(n => n.type).sort()")
        made = next(path for path in server.files() if path not in before and path.suffix == ".mp4")
        query = f"filename={made.name}&subfolder={made.parent.relative_to(server.base / 'output')}&type=output"
        assert page.drop(f"{server.url}/view?{query}", made.name) == kinds


def test_a_written_video_is_shown_where_its_preview_was(editor, is_vue, tmp_path):
    graph = json.loads((ROOT / "workflows" / "03_builtin_motion.json").read_text())
    for node in graph["nodes"]:
        values = node["widgets_values"]
        if node["type"] == "GAGAvatarBuiltinMotion":
            values[1] = 0.4
        if node["type"] == "GAGAvatarRenderAvatarToVideo":
            values[:2] = 128, 128
    (tmp_path / "short.json").write_text(json.dumps(graph))
    with editor(tmp_path / "short.json", is_vue=is_vue) as page:
        if lets_go := page.page.evaluate(LETS_GO_OF_PREVIEWS):
            assert page.click_run(300) == ""
            page.page.wait_for_function(
                "[...document.querySelectorAll('video')].some(one => one.videoWidth == 128)", timeout=120_000
            )
            assert "failed to load" not in page.page.evaluate("document.body.textContent")
    if not lets_go:
        pytest.skip("this editor has no way to take a preview away")


def test_the_search_box_finds_how_to_animate(editor, is_vue):
    with editor(ROOT / "workflows" / "12_animate_portrait.json", is_vue=is_vue) as page:
        page.page.evaluate("app.graph.clear()")
        for words, wanted in FOUND.items():
            page.search(words)
            assert wanted in page.page.evaluate("document.body.textContent"), words
            page.page.keyboard.press("Escape")
            page.page.keyboard.press("Escape")
            page.page.wait_for_timeout(500)


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("Animate Talking Face by Video", ("LoadVideo", FILM)),
        ("Lip Sync - Animate Talking Face", ("LoadAudio", VOICE)),
    ],
)
def test_a_building_block_is_added_from_the_search_box_and_runs(server, editor, is_vue, name, driver):
    with editor(ROOT / "workflows" / "12_animate_portrait.json", is_vue=is_vue) as page:
        page.page.evaluate("app.graph.clear()")
        page.search(name)
        page.page.keyboard.press("Enter")
        page.page.wait_for_function("app.graph.nodes.length == 1", timeout=120_000)
        page.page.wait_for_timeout(1000)
        page.page.evaluate(_AROUND, driver)
        widgets = page.page.evaluate("app.graph.nodes[0].widgets.map(w => w.name)")
        assert widgets[-3:] == ["width", "height", "background_color"]
        run = server.run(page.prompt)
        assert run.problems == []
        (shown,) = (one["images"] for one in run.outputs.values() if "images" in one)
        assert shown[0]["filename"].endswith(".mp4")


def test_a_color_in_words_of_an_older_graph_is_the_same_in_the_editors_own_color_field(editor, is_vue, tmp_path):
    graph = json.loads((ROOT / "workflows" / "03_builtin_motion.json").read_text())
    (render,) = (node for node in graph["nodes"] if node["type"] == "GAGAvatarRenderAvatarToVideo")
    render["widgets_values"][3] = "green"
    (tmp_path / "words.json").write_text(json.dumps(graph))
    with editor(tmp_path / "words.json", is_vue=is_vue) as page:
        (kind,) = page.page.evaluate(
            "app.graph.nodes.flatMap(n => n.widgets ?? []).filter(w => w.name == 'background_color').map(w => w.type)"
        )
        (value,) = (node["inputs"]["background_color"] for node in page.prompt.values()
                    if "background_color" in node["inputs"])  # fmt: skip
        assert (kind, value) in (("color", "#008000"), ("text", "green"))
