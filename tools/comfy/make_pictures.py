"""Pictures from a real ComfyUI: a moving card of every example graph's result beside it, graphs and nodes for the docs.

COMFYUI_DIR=... COMFYUI_PYTHON=... python tools/comfy/make_pictures.py [--only GLOB ...] [--screens FOLDER]
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cards import expression_frames, pan, result_frames, save_card
from server import ROOT, Page, Server, browser

GRAPHS = ROOT / "docs" / "graphs"
GRAPH_WIDTH, NODE_WIDTH = 1280, 640
_PAGE_EDGE, _PAGE_FRAMES = 320, 20
_PAGE_MS = 30_000
"""Until a living page is drawn by software."""
_BOX = """([ids, margin]) => {
    const nodes = app.graph.nodes.filter(n => ids?.includes(n.id));
    nodes.forEach(n => { n.title = n.constructor.title; });
    const boxes = ids ? nodes.map(n => [n.pos[0], n.pos[1] - 30, n.size[0], n.size[1] + 30])
        : app.graph.groups.map(g => Array.from(g._bounding ?? g.bounding));
    const left = Math.min(...boxes.map(b => b[0])) - margin, top = Math.min(...boxes.map(b => b[1])) - margin;
    const right = Math.max(...boxes.map(b => b[0] + b[2])) + margin;
    const bottom = Math.max(...boxes.map(b => b[1] + b[3])) + margin;
    const ds = app.canvas.ds, rect = app.canvas.canvas.getBoundingClientRect();
    const scale = Math.min(innerWidth / (right - left), (innerHeight - 140) / (bottom - top), 1.5);
    app.canvas.show_info = false;
    ds.scale = scale; ds.offset[0] = -left; ds.offset[1] = -top + 130 / scale;
    app.canvas.setDirty(true, true);
    return [rect.left, rect.top + 130, (right - left) * scale, (bottom - top) * scale];
}"""
_HIDE = """
    const style = document.createElement('style');
    style.textContent = '.comfyui-body-top, .comfyui-body-left, .side-tool-bar-container, .p-toast,'
        + ' .graph-canvas-menu, .actionbar-container, .litegraph-minimap,'
        + ' :has(> [data-testid=toggle-minimap-button]) { display: none !important }';
    document.head.append(style);
"""


def shot(page: Page, ids: list[int] | None, margin: int) -> Image.Image:
    """Return the graph (or some of its nodes) alone."""
    left, top, width, height = page.page.evaluate(_BOX, [ids, margin])
    page.page.wait_for_timeout(1500)
    size = page.page.viewport_size
    box = {
        "x": max(left, 0), "y": max(top, 0), "width": min(width, size["width"] - left),
        "height": min(height, size["height"] - top),
    }  # fmt: skip
    return Image.open(io.BytesIO(page.page.screenshot(clip=box))).convert("RGB")


def picture_page(chromium: Any, folder: Path) -> list[Image.Image]:
    """Return a living page as its head looks around, through its own JavaScript: software draws a frame in seconds."""
    tab = chromium.new_page(viewport={"width": _PAGE_EDGE, "height": _PAGE_EDGE}, reduced_motion="reduce")
    tab.set_default_timeout(300_000)
    tab.goto(next(folder.rglob("*.html")).as_uri())
    tab.wait_for_selector("body[data-ready]")
    frames = []
    for turn in np.linspace(0, 2 * np.pi, _PAGE_FRAMES, endpoint=False):
        face = {"yaw": 22 * np.sin(turn), "pitch": 7 * np.cos(turn), "jawOpen": 0.3 * max(0.0, np.sin(2 * turn))}
        tab.evaluate("face => { avatar.set(face); return avatar.settled(); }", face)
        frames.append(Image.open(io.BytesIO(tab.screenshot())).convert("RGB"))
    tab.close()
    return frames


def save(picture: Image.Image, path: Path, width: int) -> None:
    """As JPEG, not wider than that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    picture.save(path, quality=82, optimize=True)


def picture_graph(server: Server, chromium: Any, graph: Path, screens: Path | None) -> None:
    """One graph after its run, and those of its nodes that have no picture yet."""
    page = Page(chromium, server, graph, (2200, 1500))
    known = set(server.files())
    run = server.run(page.prompt, limit=600)
    print(graph.stem, "; ".join(run.problems) or "ran", flush=True)
    if not run.problems:
        made = [path for path in server.files() if path not in known]
        page.show_results(server)
        page.page.wait_for_timeout(_PAGE_MS * page.page.locator("iframe").count())
    page.page.evaluate(_HIDE)
    if screens is not None:
        screens.mkdir(parents=True, exist_ok=True)
        page.fit()
        page.page.screenshot(path=str(screens / f"{graph.stem}.png"))
    save(shot(page, None, 30), GRAPHS / f"{graph.stem}.jpg", GRAPH_WIDTH)
    # A graph that needs downloaded weights is shown itself.
    frames = pan(shot(page, None, 30)) if run.problems else card(server, chromium, page, graph, made)
    save_card(frames, graph.with_suffix(".jpg"))
    for number, kind in page.page.evaluate("app.graph.nodes.map(n => [n.id, n.type])"):
        path = ROOT / "web" / "docs" / "images" / f"{kind}.jpg"
        if kind.startswith("GAGAvatar") and not path.exists():
            save(shot(page, [number], 14), path, NODE_WIDTH)
    page.close()


def card(server: Server, chromium: Any, page: Page, graph: Path, made: list[Path]) -> list[Image.Image]:
    """Return what the graph's card shows."""
    if any(path.suffix == ".html" for path in made):
        return picture_page(chromium, server.base / "output")
    if graph.stem == "02_expression_editor":
        return expression_frames(server, page.prompt)
    return result_frames(made)


def picture_rest(server: Server, chromium: Any) -> None:
    """Nodes that no example graph has."""
    from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS

    folder = ROOT / "web" / "docs" / "images"
    rest = [name for name in NODE_CLASS_MAPPINGS if not (folder / f"{name}.jpg").exists()]
    if not rest:
        return
    page = Page(chromium, server, next((ROOT / "workflows").glob("*.json")), (2200, 1500))
    page.page.evaluate(_HIDE)
    for name in rest:
        number = page.page.evaluate(
            "name => { app.graph.clear(); const n = LiteGraph.createNode(name); app.graph.add(n); return n.id; }", name
        )
        page.page.wait_for_timeout(300)
        save(shot(page, [number], 14), folder / f"{name}.jpg", NODE_WIDTH)
    page.close()


def main() -> None:
    """Run the graphs one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=["*"], metavar="GLOB", help="on the graphs' names")
    parser.add_argument("--screens", type=Path, help="also save screenshots of the whole window here")
    args = parser.parse_args()
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        server = Server(Path(folder), Path(os.environ["COMFYUI_DIR"]), python=python)
        try:
            for graph in sorted({one for glob in args.only for one in (ROOT / "workflows").glob(f"{glob}.json")}):
                picture_graph(server, chromium, graph, args.screens)
            picture_rest(server, chromium)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
