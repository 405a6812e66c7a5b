"""The face inside of the node Expression, as artists move its sliders: both ways of drawing nodes."""

import base64
import json
import urllib.error
import urllib.request
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from comfy_prompts import node
from gagavatar_nodes.nodes.expression import sliders

pytest.importorskip("websocket")

ROOT = Path(__file__).parents[2]
GRAPH = ROOT / "workflows" / "02_expression_editor.json"
FROZEN = ROOT / "tests/data/workflows/0.1.0/02_expression_editor.json"
NODE = "app.graph.nodes.find(node => node.type === 'GAGAvatarExpression')"
SHOWN = "(document.querySelector('.gagavatar-stage img')?.src ?? '').startsWith('blob:')"
PICTURE = """async edge => {
    const picture = document.querySelector('.gagavatar-stage img'), canvas = new OffscreenCanvas(edge, edge);
    for (let left = 100; ; left--) {  // another picture may take its place meanwhile
        try { await picture.decode(); break; } catch (error) { if (!left) throw error; }
        await new Promise(done => setTimeout(done, 100));
    }
    const context = canvas.getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(picture, 0, 0, edge, edge);
    const bytes = context.getImageData(0, 0, edge, edge).data;  // as text: Playwright takes half a minute for numbers
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
}"""
EDGE = 256
# Where on the page a slider of the node is, as it is drawn on the canvas: its left end, its right end, and its middle.
CANVAS_SLIDER = """name => {
    const node = NODE, widget = node.widgets.find(one => one.name === name), canvas = app.canvas;
    const rect = canvas.canvas.getBoundingClientRect(), ds = canvas.ds;
    const at = (x, y) => [rect.left + (node.pos[0] + x + ds.offset[0]) * ds.scale,
        rect.top + (node.pos[1] + y + ds.offset[1]) * ds.scale];
    const y = widget.last_y + 10;
    return [at(15, y), at(node.size[0] - 15, y)];
}""".replace("NODE", NODE)
LOOK_AT = """() => {
    const node = NODE, ds = app.canvas.ds;
    ds.scale = 0.9; ds.offset[0] = 140 - node.pos[0]; ds.offset[1] = 160 - node.pos[1];
    app.canvas.setDirty(true, true);
}""".replace("NODE", NODE)


@pytest.fixture
def page(editor, is_vue):
    with editor(GRAPH, (1400, 1300), is_vue) as one:
        one.page.evaluate(LOOK_AT)
        yield one


def show(page):
    page.page.locator(".gagavatar-face button", has_text="Show the face").click()
    page.page.wait_for_function(SHOWN)


def picture(page):
    pixels = base64.b64decode(page.page.evaluate(PICTURE, EDGE))
    return np.frombuffer(pixels, np.uint8).reshape(EDGE, EDGE, 4)[..., :3].astype(int)


def difference(one, other):
    return np.abs(one - other).mean()


def value(page, name):
    return page.page.evaluate(f"{NODE}.widgets.find(one => one.name === '{name}').value")


def comes_true(page, holds, seconds=120):
    """Whether something holds by and by, on a busy machine too."""
    return any(holds() or page.page.wait_for_timeout(500) for _ in range(seconds * 2))


def drag(page, name, is_vue):
    """Move a slider with the mouse from its middle to its right end; gives the pictures seen before and on the way."""
    if is_vue:
        row = page.page.locator(f"[data-node-id='{page.page.evaluate(NODE + '.id')}'] [role=slider]")
        names = page.page.evaluate(f"{NODE}.widgets.filter(w => w.type === 'slider' && !w.advanced).map(w => w.name)")
        thumb = row.nth(names.index(name)).bounding_box()
        start = thumb["x"] + thumb["width"] / 2, thumb["y"] + thumb["height"] / 2
        end = start[0] + 90, start[1]
    else:
        left, right = page.page.evaluate(CANVAS_SLIDER, name)
        start, end = ((left[0] + right[0]) / 2, left[1]), (right[0] - 4, right[1])
    mouse, seen = page.page.mouse, [picture(page)]
    mouse.move(*start)
    mouse.down()
    for step in range(1, 6):
        mouse.move(start[0] + (end[0] - start[0]) * step / 5, end[1])
        comes_true(page, lambda: difference(picture(page), seen[-1]) > 0.5, 10)
        seen.append(picture(page))
    mouse.up()
    return seen


def test_the_face_follows_a_slider_while_it_is_dragged_and_a_run_gives_what_it_shows(server, page, is_vue):
    show(page)
    page.page.wait_for_timeout(1500)
    before, old = picture(page), value(page, "yaw")
    seen = drag(page, "yaw", is_vue)
    assert value(page, "yaw") > old + 10
    moves = [difference(one, other) for one, other in pairwise(seen)]
    assert sum(move > 0.5 for move in moves) >= 2, moves  # it moved on the way, not at the end alone
    files = set(server.files())
    assert page.click_run() == ""
    made = next(path for path in server.files() if path not in files)
    with Image.open(made) as saved:
        rendered = np.asarray(saved.convert("RGB").resize((EDGE, EDGE)), int)
    assert comes_true(page, lambda: difference(picture(page), rendered) < 3)  # a JPEG of another size
    assert difference(before, rendered) > 4


def test_the_face_follows_undo(page, is_vue):
    show(page)
    page.page.wait_for_timeout(1500)
    before, old = picture(page), value(page, "yaw")
    drag(page, "yaw", is_vue)
    assert comes_true(page, lambda: difference(picture(page), before) > 4)
    page.page.mouse.click(1300, 1250)
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function(f"{NODE}.widgets.find(one => one.name === 'yaw').value === {old}")
    assert comes_true(page, lambda: page.page.evaluate(SHOWN) and difference(picture(page), before) < 1)


def test_the_face_outlives_a_reload_and_the_button_comes_back_where_it_is_gone(page):
    show(page)
    page.page.wait_for_timeout(800)
    page.page.evaluate("async () => { await app.loadGraphData(app.graph.serialize()); }")
    page.page.wait_for_function(SHOWN)
    page.page.evaluate("sessionStorage.clear()")
    page.page.evaluate("async () => { await app.loadGraphData(app.graph.serialize()); }")
    page.page.locator(".gagavatar-face button", has_text="Show the face").wait_for()


def test_a_graph_comes_back_as_it_was_saved(page):
    """The picture is the first thing in the node, and no value: what is saved are the values in their old places."""
    saved = page.page.evaluate(f"{NODE}.serialize().widgets_values")
    names = page.page.evaluate(f"{NODE}.widgets.filter(w => w.serialize !== false).map(w => w.name)")
    assert len(saved) == len(names)
    assert dict(zip(names, saved, strict=True))["emotion"] == "happy"
    page.page.evaluate("async () => { await app.loadGraphData(app.graph.serialize()); }")
    assert page.page.evaluate(f"{NODE}.serialize().widgets_values") == saved
    assert "face" not in page.prompt[str(page.page.evaluate(f"{NODE}.id"))]["inputs"]


def test_a_graph_of_an_earlier_release_means_the_same(editor, is_vue):
    with editor(FROZEN, is_vue=is_vue) as page:
        inputs = next(node["inputs"] for node in page.prompt.values() if node["class_type"] == "GAGAvatarExpression")
    assert (inputs["yaw"], inputs["mouthSmileLeft"], inputs["frames"], inputs["fps"]) == (12, 0.6, 1, 25)
    assert (inputs["emotion"], inputs["smile"]) == ("neutral", 0)


def test_the_route_is_for_this_servers_page_and_refuses_in_words(server):
    def post(body, **headers):
        request = urllib.request.Request(f"{server.url}/gagavatar/face", body, headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=300)
        return refused.value.code, refused.value.read().decode()

    json_ = {"Content-Type": "application/json"}
    assert post(b"{}", **json_, **{"Sec-Fetch-Site": "cross-site"})[0] == 403  # newer versions do that themselves
    assert post(b"{}", **{"Content-Type": "text/plain"})[0] == 415
    assert post(b"{" + b" " * 20_000 + b"}", **json_)[0] == 413
    assert post(b"[", **json_) == (400, '{"error": "A request for a face is JSON"}')
    wanted = {"face": "nobody", "values": {}, "size": 256}
    assert post(json.dumps(wanted).encode(), **json_) == (404, '{"error": "Run the graph to see the face"}')


def test_an_image_without_an_avatar_says_what_to_connect(server):
    face = node("Expression", yaw=0, pitch=0, roll=0, frames=1, fps=25)
    save = {"class_type": "SaveImage", "inputs": {"images": ["1", 2], "filename_prefix": "nobody"}}
    face["inputs"] |= dict.fromkeys(sliders(), 0.0)
    run = server.run({"1": face, "2": save})
    assert len(run.problems) == 1
    assert "connect it to Lift Portrait" in run.problems[0]
