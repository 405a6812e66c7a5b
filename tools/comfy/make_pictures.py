"""Pictures from a real ComfyUI: of every example graph beside it, and of every node for its help page.

COMFYUI_DIR=... COMFYUI_PYTHON=... python tools/comfy/make_pictures.py [--only GLOB] [--screens FOLDER]
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from server import ROOT, Page, Server, browser

GRAPH_WIDTH, NODE_WIDTH = 1280, 640
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
        + ' .graph-canvas-menu, .actionbar-container, .litegraph-minimap { display: none !important }';
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


def save(picture: Image.Image, path: Path, width: int) -> None:
    """As JPEG, not wider than that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    picture.save(path, quality=82, optimize=True)


def picture_graph(server: Server, chromium: Any, graph: Path, screens: Path | None) -> None:
    """One graph after its run, and those of its nodes that have no picture yet."""
    page = Page(chromium, server, graph, (2200, 1500))
    run = server.run(page.prompt, limit=600)
    print(graph.stem, "; ".join(run.problems) or "ran")
    if not run.problems:
        page.show_results(server)
        page.page.wait_for_timeout(_PAGE_MS * page.page.locator("iframe").count())
    page.page.evaluate(_HIDE)
    if screens is not None:
        screens.mkdir(parents=True, exist_ok=True)
        page.fit()
        page.page.screenshot(path=str(screens / f"{graph.stem}.png"))
    save(shot(page, None, 30), graph.with_suffix(".jpg"), GRAPH_WIDTH)
    for number, kind in page.page.evaluate("app.graph.nodes.map(n => [n.id, n.type])"):
        path = ROOT / "web" / "docs" / "images" / f"{kind}.jpg"
        if kind.startswith("GAGAvatar") and not path.exists():
            save(shot(page, [number], 14), path, NODE_WIDTH)
    page.close()


def picture_rest(server: Server, chromium: Any) -> None:
    """Nodes that no example graph has."""
    sys.path.insert(0, str(ROOT))
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
    parser.add_argument("--only", default="*", help="glob on the graphs' names")
    parser.add_argument("--screens", type=Path, help="also save screenshots of the whole window here")
    args = parser.parse_args()
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        server = Server(Path(folder), Path(os.environ["COMFYUI_DIR"]), python=python)
        try:
            for graph in sorted((ROOT / "workflows").glob(f"{args.only}.json")):
                picture_graph(server, chromium, graph, args.screens)
            picture_rest(server, chromium)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
